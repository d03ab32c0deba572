import type { ChunkOutcome, Completion } from '../contract/claim.ts';
import { OUTCOMES, type RowResult } from '../contract/outcome.ts';
import { type JsonObject, storableText } from '../contract/row.ts';
import { numberArray, textArray } from './binary-array.ts';
import { storableJson } from './storable.ts';

/** The parameters of a completion's statement: of the chunks $1 to $16, of their results $17 to $29, of their errors $30 to $37. */
export function completionValues(completions: readonly Completion[]): unknown[] {
  return [...chunkColumns(completions), ...resultColumns(completions), ...errorColumns(completions)];
}

function chunkColumns(completions: readonly Completion[]): unknown[] {
  const claims = completions.map(({ claim }) => claim);
  const outcomes = completions.map(({ outcome }) => outcome);
  const tallies = outcomes.map(tally);
  return [
    claims.map(({ runId }) => runId),
    claims.map(({ chunkNo }) => chunkNo),
    claims.map(({ claimNo }) => claimNo),
    outcomes.map(({ timingsMs }) => JSON.stringify(timingsMs)),
    ...OUTCOMES.map((outcome) => tallies.map(({ rows }) => rows[outcome])),
    outcomes.map(({ errors }) => errors.length),
    tallies.map(({ toxicityBefore }) => toxicityBefore),
    tallies.map(({ toxicityAfter }) => toxicityAfter),
    tallies.map(({ tokensIn }) => tokensIn),
    tallies.map(({ tokensOut }) => tokensOut),
    outcomes.map(({ scorerId }) => scorerId),
    outcomes.map(({ detoxifierId }) => detoxifierId),
  ];
}

function tally({ results }: ChunkOutcome) {
  const rows = { clean: 0, detoxified: 0, still_toxic: 0, unchanged: 0, rejected: 0 };
  const sums = { toxicityBefore: 0, toxicityAfter: 0, tokensIn: 0, tokensOut: 0 };
  for (const result of results) {
    rows[result.outcome] += 1;
    sums.tokensIn += result.tokensIn;
    sums.tokensOut += result.tokensOut;
    if (result.detoxified === null) continue;
    sums.toxicityBefore += result.toxicityBefore ?? 0;
    sums.toxicityAfter += result.toxicityAfter ?? 0;
  }
  return { rows, ...sums };
}

function resultColumns(completions: readonly Completion[]): (Buffer | null)[] {
  const results = completions.flatMap(({ outcome }) => outcome.results);
  const pick = <T>(column: (result: RowResult) => T): T[] => results.map(column);
  const positions = completions.flatMap(({ outcome }, at) => outcome.results.map(() => at + 1));
  // Set only where it is not the scorer of the run.
  const ratedBy = completions.flatMap(({ outcome }) =>
    outcome.results.map(({ cleared }) => (cleared ? (outcome.prefilterId ?? null) : null)),
  );
  return [
    numberArray('integer', positions),
    numberArray(
      'bigint',
      pick(({ rowNo }) => rowNo),
    ),
    unlessEmpty(
      pick(({ rowKey }) => rowKey && storableText(rowKey)),
      (keys) => textArray('text', keys),
    ),
    textArray(
      'text',
      pick(({ outcome }) => outcome),
    ),
    textArray(
      'text',
      pick(({ text }) => storableText(text)),
    ),
    unlessEmpty(
      pick(({ detoxified }) => detoxified && storableText(detoxified)),
      (texts) => textArray('text', texts),
    ),
    numberArray(
      'real',
      pick(({ toxicityBefore }) => toxicityBefore),
    ),
    unlessEmpty(
      pick(({ toxicityAfter }) => toxicityAfter),
      (shares) => numberArray('real', shares),
    ),
    unlessEmpty(
      pick(({ similarity }) => similarity),
      (shares) => numberArray('real', shares),
    ),
    numberArray(
      'integer',
      pick(({ tokensIn }) => tokensIn),
    ),
    numberArray(
      'integer',
      pick(({ tokensOut }) => tokensOut),
    ),
    unlessEmpty(
      pick(({ meta }) => meta && storableJson(meta)),
      (metas) => textArray('jsonb', metas),
    ),
    unlessEmpty(ratedBy, (ids) => numberArray('integer', ids)),
  ];
}

/** Null in place of an array of nulls, which says the same. */
function unlessEmpty<T>(
  values: readonly (T | null)[],
  write: (values: readonly (T | null)[]) => Buffer,
): Buffer | null {
  return values.every((value) => value === null) ? null : write(values);
}

function errorColumns(completions: readonly Completion[]): unknown[] {
  const errors = completions.flatMap(({ outcome }, at) =>
    outcome.errors.map((error) => ({ ...error, position: at + 1 })),
  );
  return [
    errors.map(({ position }) => position),
    errors.map(({ rowNo }) => rowNo),
    errors.map(({ rowKey }) => rowKey && storableText(rowKey)),
    errors.map(({ stage }) => stage),
    errors.map(({ code }) => code),
    errors.map(({ message }) => storableText(message)),
    errors.map(({ attempts }) => attempts),
    errors.map(({ source }) => source && storableJson({ ...source } satisfies JsonObject)),
  ];
}
