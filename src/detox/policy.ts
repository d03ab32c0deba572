import type { Detoxifier, Rewrite, Score, Scorer } from '../contract/models.ts';
import type { Outcome, RowResult, RowVerdict } from '../contract/outcome.ts';
import type { RowFault, SourceRow } from '../contract/row.ts';
import { chooseAlternative, namesOf, type Proposal, propose, readingsOf } from './alternatives.ts';
import { type Answers, createAnswers } from './answers.ts';
import { chrf } from './chrf.ts';
import type { Guard } from './guards.ts';
import { createMemory } from './memory.ts';
import { type CandidateNote, withNotes } from './notes.ts';
import { type Clear, createClear, type Prefilter } from './prefilter.ts';
import { askAbout, askedForms, createReader, mostToxic, type Reading, scoredForms, toxicityOf } from './reading.ts';
import type { Segment } from './sentences.ts';

/*
 * The way of a row. Each phase takes all rows of a call, so that the models get large arrays:
 *
 *   read ──no words──▶ clean
 *     ▼
 *   prefilter, where there is one ──surely clean──▶ clean
 *     ▼
 *   score ──below the threshold──▶ clean
 *     ▼
 *   rewrite the toxic segments ─▶ candidates ─▶ score ─▶ choose ──(once more, if still toxic)──▶ rewrite
 *     ▼
 *   detoxified | still_toxic | unchanged | rejected
 */

/** A rewrite that is still toxic is rewritten once more. */
const PASSES = 2;

/** Answers that are kept from call to call, for repeated sentences: about 100,000 short ones each. */
const MEMORY_BYTES = 48 * 2 ** 20;

interface PolicyOptions {
  readonly scorer: Scorer;
  readonly detoxifier: Detoxifier;
  /** Toxic from here on (probability, 0 to 1). */
  readonly threshold: number;
  readonly prefilter?: Prefilter | undefined;
}

interface Policy {
  /**
   * Calls `emit` once per row, in any order. A result depends on the row alone, never on other rows. If our own text code
   * fails on a row, the row is emitted with its fault. If a model rejects, this rejects with its error; rows emitted before
   * remain valid.
   */
  process(rows: readonly SourceRow[], emit: (item: RowVerdict) => void): Promise<void>;
}

/** A row with words to score. */
interface WordedRow {
  readonly row: SourceRow;
  readonly reading: Reading;
}

/** A toxic row that is being rewritten. */
interface Job {
  readonly row: SourceRow;
  readonly toxicityBefore: number;
  /** The text so far, and its toxicity. */
  current: Reading;
  toxicity: number;
  readonly guards: Set<Guard>;
  /** Scores of the candidates for its segments, if the model gave several. */
  readonly candidates: CandidateNote[];
  /** Texts that the models were asked about for this row. */
  readonly scored: Set<string>;
  readonly rewritten: Set<string>;
}

export function createPolicy({ scorer, detoxifier, threshold, prefilter }: PolicyOptions): Policy {
  const read = createReader(scorer, detoxifier);
  const clear: Clear = prefilter ? createClear(prefilter, MEMORY_BYTES) : clearNothing;
  const knownScores = createMemory<Score>(MEMORY_BYTES);
  const knownRewrites = createMemory<Rewrite>(MEMORY_BYTES, ({ candidates }) => 1 + candidates.length);

  /**
   * The segments to rewrite: the toxic ones. If only the text as a whole is toxic, its most toxic segment. A segment that is
   * longer than the window is left unchanged, because a rewrite of a part would lose the rest.
   */
  function targets({ current, guards }: Job, scores: Answers<Score>): Segment[] {
    const toxicity = (segment: Segment): number => mostToxic(scoredForms(segment, scorer), scores.of);
    const toxic = current.segments.filter((segment) => toxicity(segment) >= threshold);
    const open = (segments: readonly Segment[]): Segment[] => segments.filter(({ fits }) => fits);
    if (toxic.length === 0)
      return open(current.segments)
        .sort((a, b) => toxicity(b) - toxicity(a))
        .slice(0, 1);
    if (toxic.some(({ fits }) => !fits)) guards.add('window');
    return open(toxic);
  }

  /** The text with the best candidates inserted, or null if there are none. */
  function accept(job: Job, proposals: readonly Proposal[], scores: Answers<Score>): Reading | null {
    const { text } = job.current;
    let changed = '';
    let at = 0;
    for (const proposal of proposals) {
      const { segment } = proposal;
      const ofForm = (form: string): number => scores.of(form).toxicity;
      const of = (reading: Reading): number => toxicityOf(reading, scores.of);
      const choice = chooseAlternative(text, proposal, { before: ofForm(segment.form), threshold, of, ofForm });
      for (const guard of choice.guards) job.guards.add(guard);
      if (choice.scores.length > 0) job.candidates.push({ taken: choice.place, scores: choice.scores });
      if (choice.reading === null) continue;
      changed += text.slice(at, segment.start) + choice.reading.text;
      at = segment.end;
    }
    return at === 0 ? null : read(changed + text.slice(at));
  }

  return {
    async process(rows, emit) {
      const scores = createAnswers((forms) => scorer.score(forms), knownScores);
      const rewrites = createAnswers((forms) => detoxifier.rewrite(forms), knownRewrites);
      const attempt = createAttempt(emit);

      const worded: WordedRow[] = [];
      for (const item of attempt('score', rows.map(aboutRow), ({ row }) => ({ row, reading: read(row.text) }))) {
        if (item.reading.parts.length > 0) worded.push(item);
        else emit(cleanResult(item.row, null, 0));
      }

      const cleared = await clear(worded.map(({ reading }) => reading));
      const doubtful: WordedRow[] = [];
      worded.forEach((item, at) => {
        const verdict = cleared[at];
        if (!verdict) doubtful.push(item);
        else emit({ ...cleanResult(item.row, verdict.toxicity, verdict.tokensIn), cleared: true });
      });

      await askAbout(
        doubtful.map(({ reading }) => reading),
        scores,
      );
      let active: Job[] = [];
      for (const { row, reading } of doubtful) {
        const toxicity = toxicityOf(reading, scores.of);
        const scored = new Set(askedForms(reading, scores.of));
        if (toxicity < threshold) emit(cleanResult(row, toxicity, countTokens(scored, scores, scoreInput)));
        else active.push(newJob(row, reading, toxicity, scored));
      }

      for (let pass = 1; active.length > 0; pass++) {
        const aimed = attempt('rewrite', active, (job) => ({ row: job.row, job, segments: targets(job, scores) }));
        await rewrites.ask(aimed.flatMap(({ segments }) => segments.map(({ form }) => form)));
        const proposed = attempt('rewrite', aimed, ({ row, job, segments }) => {
          for (const { form } of segments) job.rewritten.add(form);
          const proposals = segments.map((segment) =>
            propose(job.current.text, segment, rewrites.of(segment.form), detoxifier.knownWords, read),
          );
          return { row, job, proposals };
        });
        const all = proposed.flatMap(({ proposals }) => proposals);
        await scores.ask(all.flatMap(namesOf));
        await askAbout(all.flatMap(readingsOf), scores);
        const changed = attempt('rewrite', proposed, ({ row, job, proposals }) => {
          addAll(job.scored, proposals.flatMap(namesOf));
          for (const reading of proposals.flatMap(readingsOf)) addAll(job.scored, askedForms(reading, scores.of));
          return { row, job, next: accept(job, proposals, scores) };
        });
        await askAbout(
          changed.flatMap(({ next }) => next ?? []),
          scores,
        );

        active = [];
        for (const { job, next } of changed) {
          if (next !== null) take(job, next, scores);
          if (next === job.current && job.toxicity >= threshold && pass < PASSES) active.push(job);
          else emit(rewrittenResult(job, threshold, scores, rewrites));
        }
      }
    },
  };
}

const clearNothing: Clear = async (readings) => readings.map(() => null);

/** Runs a step of our own code per item. If it throws on an item, the item is emitted as failed and leaves. */
function createAttempt(emit: (item: RowVerdict) => void) {
  return <In extends { readonly row: SourceRow }, Out>(
    stage: RowFault['stage'],
    items: readonly In[],
    step: (item: In) => Out,
  ): Out[] => {
    const done: Out[] = [];
    for (const item of items) {
      try {
        done.push(step(item));
      } catch (error) {
        emit({ rowNo: item.row.rowNo, rowKey: item.row.rowKey, fault: textFault(stage, error) });
      }
    }
    return done;
  };
}

function aboutRow(row: SourceRow): { row: SourceRow } {
  return { row };
}

function newJob(row: SourceRow, current: Reading, toxicity: number, scored: Set<string>): Job {
  return {
    row,
    toxicityBefore: toxicity,
    current,
    toxicity,
    guards: new Set(),
    candidates: [],
    scored,
    rewritten: new Set(),
  };
}

/** Continues with a changed text, unless the whole text became more toxic. */
function take(job: Job, next: Reading, scores: Answers<Score>): void {
  addAll(job.scored, askedForms(next, scores.of));
  const toxicity = toxicityOf(next, scores.of);
  if (toxicity > job.toxicity) {
    job.guards.add('not_better');
    return;
  }
  job.current = next;
  job.toxicity = toxicity;
}

function cleanResult(row: SourceRow, toxicity: number | null, tokensIn: number): RowResult {
  const { rowNo, rowKey, text, meta } = row;
  return {
    rowNo,
    rowKey,
    outcome: 'clean',
    text,
    detoxified: null,
    toxicityBefore: toxicity,
    toxicityAfter: null,
    similarity: null,
    tokensIn,
    tokensOut: 0,
    meta,
  };
}

function rewrittenResult(job: Job, threshold: number, scores: Answers<Score>, rewrites: Answers<Rewrite>): RowResult {
  const { row, current, toxicityBefore, toxicity, guards, candidates, scored, rewritten } = job;
  const isChanged = current.text !== row.text;
  const kind: Outcome = toxicity < threshold ? 'detoxified' : 'still_toxic';
  const refused: Outcome = guards.size > 0 ? 'rejected' : 'unchanged';
  const tokensIn = countTokens(scored, scores, scoreInput) + countTokens(rewritten, rewrites, scoreInput);
  return {
    rowNo: row.rowNo,
    rowKey: row.rowKey,
    outcome: isChanged ? kind : refused,
    text: row.text,
    detoxified: isChanged ? current.text : null,
    toxicityBefore,
    toxicityAfter: isChanged ? toxicity : null,
    similarity: isChanged ? chrf(current.text, row.text) : null,
    tokensIn,
    tokensOut: countTokens(rewritten, rewrites, writtenTokens),
    meta: withNotes(row.meta, { guard: [...guards], candidates }),
  };
}

function countTokens<T>(forms: ReadonlySet<string>, answers: Answers<T>, count: (answer: T) => number): number {
  let total = 0;
  for (const form of forms) total += count(answers.of(form));
  return total;
}

function writtenTokens({ tokens, candidates }: Rewrite): number {
  const all = candidates.length > 0 ? candidates.map((candidate) => candidate.tokens) : [tokens];
  return all.reduce((sum, { length }) => sum + length, 0);
}

function scoreInput({ inputTokens }: { readonly inputTokens: number }): number {
  return inputTokens;
}

function addAll(set: Set<string>, values: readonly string[]): void {
  for (const value of values) set.add(value);
}

function textFault(stage: RowFault['stage'], error: unknown): RowFault {
  const name = error instanceof Error ? error.name : 'Error';
  return {
    stage,
    code: 'text_code_failed',
    message: `detoxq's text code failed on this row (${name}); please report it with the row's text`,
  };
}
