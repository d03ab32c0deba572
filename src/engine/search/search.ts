import { CheckpointError, UsageError } from '../../contract/errors.ts';
import type { Generation } from '../checkpoint/config/generation.ts';
import type { EncodedRow } from '../runtime/batches.ts';
import type { Decoder, StepScores } from '../runtime/decoder.ts';
import { encodedWidth } from '../runtime/encoded-texts.ts';
import { type Adjustment, createAdjust } from './adjust.ts';
import { continuations, createBeams } from './beams.ts';
import type { Candidate, Hypothesis, RowLimits, RowSearch } from './hypothesis.ts';
import { createSamples } from './samples.ts';
import { distribution, draw, randomSequence } from './sampling.ts';

interface SearchOptions {
  readonly decoder: Decoder;
  readonly generation: Generation;
  readonly vocabulary: number;
  /** Hypotheses decoded together, over all rows. */
  readonly maxHypotheses: number;
}

/** Source positions of the rows decoded together. This bounds the memory for keys and values, as in greedy search. */
const MAX_SOURCE_POSITIONS = 8192;
/** Candidates of all hypotheses in one step. This matters if sampling reads the whole vocabulary. */
const MAX_CANDIDATES = 1 << 20;

/** A row that is being decoded. */
interface Job {
  readonly row: EncodedRow;
  /** Start token or prompt. */
  readonly prompt: readonly number[];
  readonly limits: RowLimits;
  readonly search: RowSearch;
}

/**
 * Search over encoded rows with all options of generation, one step of the decoder at a time. Results are in the order of the
 * list, best first per row. Rows are sorted by length and decoded together within the limits. A finished row leaves, as does
 * a finished sample. A row's result never depends on other rows.
 */
export function createSearch(options: SearchOptions): (rows: readonly EncodedRow[]) => Promise<Hypothesis[][]> {
  const { decoder, generation, vocabulary, maxHypotheses } = options;
  const { search: method, endTokens } = generation;
  const adjust = createAdjust(generation);
  const isEnd = (token: number): boolean => endTokens.includes(token);
  const copies = method.kind === 'beam' ? method.beams : generation.sequences;
  const wanted = candidatesNeeded(generation, vocabulary);

  function begin(row: EncodedRow): Job {
    const prompt = generation.startToken === null ? row.tokens : [generation.startToken];
    const { maxLength } = generation;
    const room = maxLength === null ? Infinity : maxLength - prompt.length;
    if (room < 1) {
      throw new UsageError(
        `the prompt of row ${row.index + 1} has ${prompt.length} tokens, but max_length allows ${maxLength}, output included`,
      );
    }
    const maxNewTokens = Math.min(generation.maxNewTokens, room);
    const limits = { maxNewTokens, isEnd, endForced: generation.lastTokens.length > 0 };
    return { row, prompt, limits, search: rowSearch(row, limits) };
  }

  function rowSearch(row: EncodedRow, limits: RowLimits): RowSearch {
    if (method.kind === 'beam') return createBeams(method, endTokens.length, limits);
    if (method.kind === 'greedy') return createSamples(1, (candidates) => candidates[0], limits);
    const random = Array.from({ length: copies }, (_, sample) => randomSequence(method.seed, row.tokens, sample));
    const choose = (candidates: readonly Candidate[], sample: number, step: number) =>
      draw(distribution(candidates, method), random[sample]?.(step) ?? 0);
    return createSamples(copies, choose, limits);
  }

  async function decode(rows: readonly EncodedRow[], results: Map<EncodedRow, Hypothesis[]>): Promise<void> {
    let jobs = rows.map(begin);
    const decoding = await decoder.open(rows, copies);
    let order: readonly number[] | null = null;
    while (jobs.length > 0) {
      const hypotheses = jobs.flatMap(({ row, prompt, limits, search }) =>
        search.running().map(({ tokens }) => {
          const sequence = [...prompt, ...tokens];
          const context = { sequence, generated: tokens.length, source: row.tokens, ...limits };
          return { last: sequence.at(-1) ?? 0, adjustment: adjust(context) };
        }),
      );
      const adjusted = hypotheses.map(({ adjustment }) => adjustment.tokens);
      const most = Math.max(...adjusted.map((tokens) => tokens.length));
      const top = Math.min(wanted, vocabulary - most);
      const scores: StepScores = await decoding.step(
        { tokens: hypotheses.map(({ last }) => last), adjusted, top },
        order,
      );

      const next: number[] = [];
      let place = 0;
      for (const { search } of jobs) {
        const first = place;
        const candidates = search.running().map(() => {
          const list = candidatesOf(scores, place, top, hypotheses[place]?.adjustment);
          place += 1;
          return list;
        });
        for (const parent of search.advance(candidates)) next.push(first + parent);
      }
      for (const job of jobs) if (job.search.running().length === 0) results.set(job.row, resultsOf(job));
      jobs = jobs.filter((job) => job.search.running().length > 0);
      order = next.length === place && next.every((parent, i) => parent === i) ? null : next;
    }
  }

  /** Possible candidates of a hypothesis, best first. Of equal ones the smaller token comes first. */
  function candidatesOf(
    scores: StepScores,
    place: number,
    top: number,
    adjustment: Adjustment | undefined,
  ): Candidate[] {
    const logSumExp = scores.logSumExp[place] ?? Number.NaN;
    const candidates: Candidate[] = [];
    const add = (token: number, logit: number, rescore: (score: number) => number): void => {
      const logprob = Math.fround(logit - logSumExp);
      if (!Number.isFinite(logprob)) throw new CheckpointError('the decoder gives scores that are not finite');
      const score = rescore(method.kind === 'beam' ? logprob : logit);
      if (score !== -Infinity) candidates.push({ token, score, logprob });
    };
    if (!adjustment?.forced) {
      for (let i = place * top; i < (place + 1) * top; i++) {
        add(Number(scores.topTokens[i]), scores.topLogits[i] ?? Number.NaN, (score) => score);
      }
    }
    const logits = scores.adjustedLogits[place];
    adjustment?.tokens.forEach((token, i) => {
      add(token, logits?.[i] ?? Number.NaN, (score) => adjustment.rescore(i, score));
    });
    return candidates.sort((a, b) => b.score - a.score || a.token - b.token);
  }

  function resultsOf({ search }: Job): Hypothesis[] {
    const best = search.results().slice(0, generation.sequences);
    if (best.length > 0) return best;
    throw new UsageError('the generation options leave no token that could come next: allow more tokens');
  }

  return async (rows) => {
    const results = new Map<EncodedRow, Hypothesis[]>();
    const sorted = [...rows].sort((a, b) => b.tokens.length - a.tokens.length);
    const most = Math.min(maxHypotheses, Math.floor(MAX_CANDIDATES / wanted));
    for (let i = 0; i < sorted.length; ) {
      const width = encodedWidth(sorted[i]?.tokens.length ?? 1);
      const count = Math.max(1, Math.floor(Math.min(most / copies, MAX_SOURCE_POSITIONS / width)));
      await decode(sorted.slice(i, i + count), results);
      i += count;
    }
    return rows.map((row) => results.get(row) ?? []);
  };
}

/** Number of best tokens, besides those with adjusted scores, that decide a step. */
function candidatesNeeded({ search, endTokens }: Generation, vocabulary: number): number {
  if (search.kind === 'greedy') return 1;
  if (search.kind === 'beam') return continuations(search.beams, endTokens.length);
  return search.topK > 0 ? search.topK : vocabulary;
}
