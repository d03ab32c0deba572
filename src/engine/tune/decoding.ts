import type { Sizes, TunedSize } from '../../contract/device.ts';
import type { EncodedRow } from '../batches.ts';
import type { CheckpointReference } from '../checkpoint/identity.ts';
import { loadGenerator } from '../generator.ts';
import type { GreedyOptions } from '../greedy.ts';
import { defaultSizes } from '../sizes.ts';
import { createTexts } from './made-texts.ts';
import { race } from './race.ts';

const ROWS = [32, 64, 128, 192, 256];
const STEPS = [4, 8, 16];
const SHARES = [0.5, 0.75, 0.9];
/** Words of the texts that are rewritten: with longer ones most of the time would go into reading them. */
const [SHORTEST, LONGEST] = [5, 24];
/** Where rows are to end at different steps, as they do. */
const OUTPUT_TOKENS = 32;

export interface DecodingRequest {
  readonly reference: CheckpointReference;
  readonly features: number;
  /** What was chosen for the encoder. */
  readonly reading: TunedSize;
  readonly budgetMs: number;
  readonly begin: (size: keyof Sizes) => void;
}

/** The sizes of greedy search, one after the other, each with those chosen before. */
export async function tuneDecoding(request: DecodingRequest): Promise<TunedSize[]> {
  const { reference, reading, budgetMs, begin } = request;
  const generator = await loadGenerator({ ...reference, generation: {} });
  const makeText = createTexts(reference.folder);
  const rows = Array.from({ length: Math.max(...ROWS) }, (_, index): EncodedRow => {
    // Any first so many of them are of all lengths: 7 and the number of lengths have no common factor.
    const words = SHORTEST + ((index * 7) % (LONGEST - SHORTEST + 1));
    return { index, tokens: generator.prompt.encode(makeText(words), generator.maxInputTokens) };
  });
  const standard = defaultSizes(request.features);
  const chosen = { ...standard, maxRunTokens: reading.chosen };
  const measured: TunedSize[] = [];

  async function tune(size: Exclude<keyof Sizes, 'maxRunTokens'>, candidates: readonly number[], steps: number) {
    begin(size);
    const maxNewTokens = Math.min(generator.generation.maxNewTokens, steps);
    const searches = new Map<number, ReturnType<typeof generator.openGreedySearch>>();
    const result = await race({
      ...{ candidates, budgetMs, standard: standard[size] },
      async measure(candidate) {
        const sizes: Sizes = { ...chosen, [size]: candidate };
        const changes: Partial<GreedyOptions> = { ...sizes, generation: { ...generator.generation, maxNewTokens } };
        const search = searches.get(candidate) ?? generator.openGreedySearch(changes);
        searches.set(candidate, search);
        const run = await search;
        const startMs = performance.now();
        await run(rows.slice(0, sizes.maxRows));
        return (sizes.maxRows * 1000) / (performance.now() - startMs);
      },
    });
    chosen[size] = result.chosen;
    measured.push({
      ...{ size, default: standard[size], chosen: result.chosen, unit: 'rows' },
      ...{ defaultRate: result.standardRate, chosenRate: result.chosenRate },
      tried: result.tried.map(({ candidate, ratio }) => ({ size: candidate, ratio })),
    });
  }

  // How many rows fit is decided by the caches of the processor: one call of the decoder shows it.
  await tune('maxRows', ROWS, standard.stepsPerCall);
  await tune('stepsPerCall', STEPS, OUTPUT_TOKENS);
  await tune('keepGoingAbove', SHARES, OUTPUT_TOKENS);
  await generator.close();
  return measured;
}
