import type { Sizes, TunedSize } from '../../contract/machine.ts';
import { isPlainGreedy } from '../checkpoint/config/generation.ts';
import type { LoadedGenerator } from '../models/generator.ts';
import type { EncodedRow } from '../runtime/batches.ts';
import { createSearch } from '../search/search.ts';
import { createTexts } from './made-texts.ts';
import { race } from './race.ts';

type DecodingSize = Exclude<keyof Sizes, 'maxBatchTokens'>;

const CANDIDATES: Readonly<Record<DecodingSize, readonly number[]>> = {
  maxRows: [32, 64, 128, 192, 256],
  stepsPerCall: [4, 8, 16],
  keepGoingAbove: [0.5, 0.75, 0.9],
  maxHypotheses: [32, 64, 128, 192, 256],
};
/** Words per text. With longer texts, most of the time would go into reading them. */
const [SHORTEST, LONGEST] = [4, 13];
/** The caches of the processor limit how much fits; a few steps show it. */
const FEW_TOKENS = 4;
/** Rows end at different steps, as in real work. */
const MORE_TOKENS = 24;

interface DecodingRequest {
  readonly folder: string;
  readonly generator: LoadedGenerator;
  /** Defaults, except for the sizes chosen for the encoder. */
  readonly standard: Sizes;
  readonly budgetMs: number;
  readonly begin: (size: keyof Sizes) => void;
}

/** Sizes of the search that the checkpoint's own options need. */
export function decodingSizes({ generation, maxInputTokens }: LoadedGenerator): readonly DecodingSize[] {
  const greedy = isPlainGreedy(generation, maxInputTokens);
  return greedy ? ['maxRows', 'stepsPerCall', 'keepGoingAbove'] : ['maxHypotheses'];
}

/** Tunes the sizes one after the other, each with the sizes chosen before it. */
export async function tuneDecoding(request: DecodingRequest): Promise<TunedSize[]> {
  const { folder, generator, standard, budgetMs, begin } = request;
  const { generation, vocabulary } = generator;
  const makeText = createTexts(folder);
  const rows = Array.from({ length: Math.max(...CANDIDATES.maxRows) }, (_, index): EncodedRow => {
    // The first N texts have all lengths for any N, because 7 and the number of lengths have no common factor.
    const words = SHORTEST + ((index * 7) % (LONGEST - SHORTEST + 1));
    return { index, tokens: generator.prompt.encode(makeText(words), generator.maxInputTokens) };
  });
  const chosen = { ...standard };
  const measured: TunedSize[] = [];

  /** A search with the given sizes, and as many rows as it decodes together. */
  async function open(size: DecodingSize, sizes: Sizes) {
    const tokens = size === 'stepsPerCall' || size === 'keepGoingAbove' ? MORE_TOKENS : FEW_TOKENS;
    const shortened = { ...generation, maxNewTokens: Math.min(generation.maxNewTokens, tokens) };
    if (size !== 'maxHypotheses') {
      const run = await generator.openGreedySearch({ ...sizes, generation: shortened });
      return { run, count: sizes.maxRows };
    }
    const { maxHypotheses } = sizes;
    const copies = generation.search.kind === 'beam' ? generation.search.beams : generation.sequences;
    const decoder = await generator.openDecoder();
    const run = createSearch({ decoder, generation: shortened, vocabulary, maxHypotheses });
    return { run, count: Math.max(1, Math.floor(maxHypotheses / copies)) };
  }

  for (const size of decodingSizes(generator)) {
    begin(size);
    const searches = new Map<number, ReturnType<typeof open>>();
    const result = await race({
      ...{ candidates: CANDIDATES[size], budgetMs, standard: standard[size] },
      async measure(candidate) {
        const search = searches.get(candidate) ?? open(size, { ...chosen, [size]: candidate });
        searches.set(candidate, search);
        const { run, count } = await search;
        const startMs = performance.now();
        await run(rows.slice(0, count));
        return (count * 1000) / (performance.now() - startMs);
      },
    });
    chosen[size] = result.chosen;
    measured.push({
      ...{ size, default: standard[size], chosen: result.chosen, unit: 'rows' },
      ...{ defaultRate: result.standardRate, chosenRate: result.chosenRate },
      tried: result.tried.map(({ candidate, ratio }) => ({ size: candidate, ratio })),
    });
  }
  return measured;
}
