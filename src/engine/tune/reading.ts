import type { TunedSize } from '../../contract/machine.ts';
import { loadTokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { defaultSizes } from '../machine/sizes.ts';
import { batchInputs } from '../runtime/batches.ts';
import { openSession } from '../runtime/session.ts';
import { createTexts } from './made-texts.ts';
import { race } from './race.ts';

/** Short, medium and long texts, in tokens. */
const LENGTHS = [16, 64, 256];
const TEXTS = 32;
/** Of the default. */
const FACTORS = [1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2];

interface ReadingRequest {
  readonly folder: string;
  /** The graph of an encoder or classifier. */
  readonly graph: string;
  readonly features: number;
  readonly vocabulary: number;
  /** Longest input in tokens. */
  readonly window: number;
  readonly budgetMs: number;
}

/**
 * Tokens that a batch of an encoder or classifier should have: the best size for full batches, with all lengths weighted
 * equally.
 */
export async function tuneReading(request: ReadingRequest): Promise<TunedSize> {
  const { folder, graph, features, vocabulary, window, budgetMs } = request;
  const tokenizer = loadTokenizer(folder, vocabulary);
  const makeText = createTexts(folder);
  const lengths = LENGTHS.filter((length) => length <= window);
  const session = await openSession(graph);

  const texts = Array.from({ length: TEXTS }, () => makeText(Math.max(...lengths)));

  /** Tokens per second. Rows have exactly this length, as a batch requires. */
  async function rateAt(length: number, count: number): Promise<number> {
    const cut = texts.slice(0, count).map((text) => tokenizer.encode(text, length));
    const rows = Array.from({ length: count }, (_, index) => ({ index, tokens: cut[index % cut.length] ?? [] }));
    const inputs = batchInputs({ length, rows });
    const startMs = performance.now();
    await session.run(inputs);
    return (length * count * 1000) / (performance.now() - startMs);
  }

  const standard = defaultSizes(features).maxBatchTokens;
  const result = await race({
    candidates: FACTORS.map((factor) => Math.round(standard * factor)),
    ...{ standard, budgetMs },
    async measure(maxBatchTokens) {
      let logarithms = 0;
      for (const length of lengths) {
        const count = Math.max(1, Math.floor(maxBatchTokens / length));
        logarithms += Math.log(await rateAt(length, count));
      }
      return Math.exp(logarithms / lengths.length);
    },
  });
  await session.close();
  return {
    ...{ size: 'maxBatchTokens', default: standard, chosen: result.chosen, unit: 'tokens' },
    ...{ defaultRate: result.standardRate, chosenRate: result.chosenRate },
    tried: result.tried.map(({ candidate, ratio }) => ({ size: candidate, ratio })),
  };
}
