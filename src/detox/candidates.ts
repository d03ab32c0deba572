import type { RewriteCandidate } from '../contract/models.ts';
import { chrf } from './chrf.ts';
import { failedGuard, type Guard, stammers } from './guards.ts';
import { lostNames } from './names.ts';
import { changesOf } from './negation.ts';
import { outputForms, planPieces } from './plan.ts';
import type { Reading, ReadText } from './reading.ts';
import { repairWords } from './repair.ts';
import type { Segment } from './sentences.ts';
import { renderPieces } from './surface.ts';

/** A new text for a segment that passes the guards. */
interface Candidate {
  readonly reading: Reading;
  /** Contains every change of the model. Other candidates leave some out. */
  readonly isWhole: boolean;
  /** Words that may be names and occur in the source only. */
  readonly lostNames: readonly string[];
}

/** All candidates from a model's rewrite of a segment. */
export interface Candidates {
  readonly segment: Segment;
  readonly list: readonly Candidate[];
  /** The guard that the rewrite with every change fails, or null. */
  readonly guard: Guard | null;
}

/** A rewrite with more changes than this is a new sentence. It is accepted as a whole or not at all. */
const MOST_CHANGES = 4;

/** A rewrite that leaves a sentence toxic must lower its toxicity by at least this much. Otherwise it only does damage. */
const LEAST_GAIN = 0.02;

/**
 * Makes candidates from the rewrite of a segment, in the surface form of its source. If the model made several separate
 * changes, there are also candidates with only one of them, and with all but one. Changes that are not needed to make a text
 * harmless should not be made.
 */
export function findCandidates(
  text: string,
  segment: Segment,
  rewrite: Pick<RewriteCandidate, 'text' | 'finished'>,
  knownWords: ReadonlySet<string> | null,
  read: ReadText,
): Candidates {
  const { tokens, start, end } = segment;
  if (rewrite.text.trim() === segment.form) return { segment, list: [], guard: null };
  const output = outputForms(rewrite.text, tokens);
  const isSound =
    rewrite.finished &&
    !stammers(
      tokens.map(({ form }) => form),
      output,
    );
  const words = knownWords === null ? output : repairWords(tokens, output, knownWords);
  const list: Candidate[] = [];
  const seen = new Set([text.slice(start, end)]);
  let guard: Guard | null = null;
  selections(segment, words).forEach((selected, at) => {
    const pieces = planPieces(tokens, selected);
    const rewritten = renderPieces(text, segment, pieces);
    if (seen.has(rewritten)) return;
    seen.add(rewritten);
    const failed = failedGuard(text, segment, pieces, rewritten, isSound);
    if (failed === null) {
      list.push({ reading: read(rewritten), isWhole: at === 0, lostNames: lostNames(text, segment, pieces) });
    } else if (at === 0) guard = failed;
  });
  return { segment, list, guard };
}

/** The output with every change first, then those with some of them. */
function selections({ tokens }: Segment, words: readonly string[]): (readonly string[])[] {
  const forms = tokens.map(({ form }) => form);
  const changes = changesOf(forms, words);
  if (changes.length < 2 || changes.length > MOST_CHANGES) return [words];
  const apply = (isTaken: (change: number) => boolean): string[] => {
    const out: string[] = [];
    let at = 0;
    changes.forEach(({ from, to, newFrom, newTo }, change) => {
      out.push(...forms.slice(at, from));
      out.push(...(isTaken(change) ? words.slice(newFrom, newTo) : forms.slice(from, to)));
      at = to;
    });
    return [...out, ...forms.slice(at)];
  };
  return [
    words,
    ...changes.flatMap((_, one) => [apply((change) => change === one), apply((change) => change !== one)]),
  ];
}

/** Verdicts of the scorer, and the threshold. */
export interface Toxicities {
  /** Of the segment before the rewrite. */
  readonly before: number;
  readonly threshold: number;
  of(reading: Reading): number;
  /** Of a form by itself. */
  ofForm(form: string): number;
}

/**
 * Chooses a candidate. A candidate is clearly harmless if its score is below half the threshold, or at most that of the
 * model's whole rewrite. Of the clearly harmless ones it takes the one most similar to the source; without any, the least
 * toxic one. The result is the guard if no candidate passed, and null if the model changed nothing.
 */
export function chooseCandidate(
  text: string,
  { segment, list, guard }: Candidates,
  toxicity: Toxicities,
): { readonly chosen: Reading } | { readonly guard: Guard } | null {
  const source = text.slice(segment.start, segment.end);
  // If the scorer finds a word this harmless, it is not a swear word, however it is capitalized.
  const isName = (form: string): boolean => toxicity.ofForm(form) < toxicity.threshold / 2;
  const named = list.filter(({ lostNames }) => !lostNames.some(isName));
  const better = named
    .map(({ reading, isWhole }) => ({ reading, isWhole, toxicity: toxicity.of(reading) }))
    .filter((candidate) => {
      const gain = toxicity.before - candidate.toxicity;
      return gain > 0 && (candidate.toxicity < toxicity.threshold || gain >= LEAST_GAIN);
    });
  const [first] = better;
  if (first === undefined) {
    if (guard !== null) return { guard };
    if (list.length === 0) return null;
    return { guard: named.length === 0 ? 'name' : 'not_better' };
  }
  if (better.length === 1) return { chosen: first.reading };
  const whole = better.find(({ isWhole }) => isWhole);
  const enough = Math.max(toxicity.threshold / 2, Math.min(whole?.toxicity ?? 0, toxicity.threshold));
  const harmless = better.filter(
    (candidate) => candidate.toxicity <= enough && candidate.toxicity < toxicity.threshold,
  );
  const likeness = (reading: Reading): number => chrf(reading.text, source);
  const [best = first] =
    harmless.length > 0
      ? harmless.toSorted((a, b) => likeness(b.reading) - likeness(a.reading))
      : better.toSorted((a, b) => a.toxicity - b.toxicity);
  return { chosen: best.reading };
}
