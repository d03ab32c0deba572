import type { Generation } from '../checkpoint/config/generation.ts';

/** Changes to the scores of one step of one hypothesis. All other tokens keep their scores. */
export interface Adjustment {
  /** Tokens whose scores change, each once. */
  readonly tokens: readonly number[];
  /** Only `tokens` may come next, and all have the same score. */
  readonly forced: boolean;
  /** New score of the token at a place of `tokens`; -Infinity bans it. Scores are fp32. */
  rescore(place: number, score: number): number;
}

/** State that the rules depend on. */
interface Context {
  /** Start token or prompt, and the tokens generated after it. */
  readonly sequence: readonly number[];
  readonly generated: number;
  /** Input of the encoder, or the prompt. */
  readonly source: readonly number[];
  readonly maxNewTokens: number;
}

type Adjust = (context: Context) => Adjustment;

const separator = ',';

/**
 * The processors of transformers, in its order: repetition penalty, n-grams, n-grams of the source, bad words, shortest
 * length, forced tokens, suppressed tokens. Each changes a few tokens that are known before the scores, or leaves only a few.
 * So the scores of the whole vocabulary are never needed.
 */
export function createAdjust(generation: Generation): Adjust {
  const { firstToken, lastTokens, endTokens, repetitionPenalty, suppressedFirst } = generation;
  const single = generation.badWords.filter((word) => word.length === 1).flat();
  const always = [...new Set([...single, ...generation.suppressed])];
  const isAlways = new Set(always);
  const suppressed = new Set(generation.suppressed);
  const completions = indexBadWords(generation.badWords.filter((word) => word.length > 1));
  const penalty = Math.fround(repetitionPenalty);

  function force(tokens: readonly number[]): Adjustment {
    return { tokens: tokens.filter((token) => !suppressed.has(token)), forced: true, rescore: () => 0 };
  }

  /** Length of start token or prompt when the first free token is due. */
  const firstFree = (promptLength: number): number =>
    promptLength > 1 || firstToken === null ? promptLength : promptLength + 1;

  function bannedHere({ sequence, generated, source }: Context): Set<number> {
    const banned = new Set<number>();
    banRepeats(banned, generation.noRepeatNgram, sequence, sequence);
    banRepeats(banned, generation.encoderNoRepeatNgram, source, sequence);
    banCompletions(banned, completions, sequence);
    if (generated < generation.minNewTokens || sequence.length < generation.minLength) {
      for (const token of endTokens) banned.add(token);
    }
    if (suppressedFirst.length > 0 && sequence.length === firstFree(sequence.length - generated)) {
      for (const token of suppressedFirst) banned.add(token);
    }
    return banned;
  }

  return (context) => {
    const { sequence, generated, maxNewTokens } = context;
    if (lastTokens.length > 0 && generated === maxNewTokens - 1) return force(lastTokens);
    if (firstToken !== null && sequence.length === 1) return force([firstToken]);
    const banned = bannedHere(context);
    const tokens = [...always];
    for (const token of banned) if (!isAlways.has(token)) tokens.push(token);
    const firstPenalised = tokens.length;
    if (penalty !== 1) {
      for (const token of new Set(sequence)) if (!isAlways.has(token) && !banned.has(token)) tokens.push(token);
    }
    return {
      tokens,
      forced: false,
      rescore: (place, score) =>
        place < firstPenalised ? -Infinity : Math.fround(score < 0 ? score * penalty : score / penalty),
    };
  };
}

/** Bans every token that would make the last tokens of `sequence` an n-gram of `text`. */
function banRepeats(banned: Set<number>, size: number, text: readonly number[], sequence: readonly number[]): void {
  const known = size - 1;
  if (size === 0 || sequence.length < known) return;
  const from = sequence.length - known;
  for (let start = 0; start + known < text.length; start++) {
    let equal = 0;
    while (equal < known && text[start + equal] === sequence[from + equal]) equal++;
    const next = text[start + known];
    if (equal === known && next !== undefined) banned.add(next);
  }
}

/** Last tokens of bad words by the tokens before them, for each length of a word. */
type Completions = ReadonlyMap<number, ReadonlyMap<string, readonly number[]>>;

function indexBadWords(words: readonly (readonly number[])[]): Completions {
  const byLength = new Map<number, Map<string, number[]>>();
  for (const word of words) {
    const before = word.slice(0, -1).join(separator);
    const last = word.slice(-1);
    const index = byLength.get(word.length) ?? new Map<string, number[]>();
    byLength.set(word.length, index);
    index.set(before, [...(index.get(before) ?? []), ...last]);
  }
  return byLength;
}

function banCompletions(banned: Set<number>, completions: Completions, sequence: readonly number[]): void {
  for (const [length, index] of completions) {
    // transformers checks a bad word only when the sequence is as long as the whole word.
    if (sequence.length < length) continue;
    for (const token of index.get(sequence.slice(1 - length).join(separator)) ?? []) banned.add(token);
  }
}
