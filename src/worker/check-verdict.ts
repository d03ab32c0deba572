import { OUTCOMES, type RowVerdict } from '../contract/outcome.ts';
import { isObject, type RowFault, type SourceRow } from '../contract/row.ts';
import type { FromEngine, GroupVerdicts } from '../engine/index.ts';

/*
 * Messages of an engine process cross a process boundary and come from native code, so they are checked before they are
 * used. One wrong value in one row would make Postgres refuse the whole chunk, on every try.
 */

/** Whether it is a message of the protocol: its type, and the kinds of its fields. Single answers are checked by `verdictAt`. */
export function isMessage(message: unknown): message is FromEngine {
  if (!isObject(message)) return false;
  switch (message.type) {
    case 'ready':
      return isObject(message.scorer) && isObject(message.detoxifier);
    case 'refused':
      return typeof message.message === 'string';
    case 'alive':
      return true;
    case 'verdicts':
      return typeof message.groupId === 'number' && areColumns(message.verdicts);
    case 'group-done':
      return (
        typeof message.groupId === 'number' &&
        isObject(message.timings) &&
        Number.isFinite(message.rssBytes) &&
        Number.isFinite(message.peakRssBytes)
      );
    case 'group-failed':
      return typeof message.groupId === 'number' && typeof message.message === 'string';
    default:
      return false;
  }
}

function areColumns(verdicts: unknown): boolean {
  if (!isObject(verdicts)) return false;
  const { indexes, metas, faults, outcomes, detoxified, cleared, ...numbers } = verdicts;
  if (!Array.isArray(indexes)) return false;
  const isColumn = (column: unknown): boolean => Array.isArray(column) && column.length === indexes.length;
  const { toxicityBefore, toxicityAfter, similarity, tokensIn, tokensOut } = numbers;
  const needed = [outcomes, detoxified, toxicityBefore, toxicityAfter, similarity, tokensIn, tokensOut, cleared];
  return needed.every(isColumn) && [metas, faults].every((column) => column === undefined || isColumn(column));
}

/** The verdict on a row at a place of the columns; undefined when it could not be stored. */
export function verdictAt(verdicts: GroupVerdicts, at: number, row: SourceRow): RowVerdict | undefined {
  const { rowNo, rowKey, text } = row;
  const fault = verdicts.faults?.[at] ?? null;
  if (fault !== null) return isFault(fault) ? { rowNo, rowKey, fault } : undefined;
  const outcome = OUTCOMES[verdicts.outcomes[at] ?? -1];
  const detoxified = verdicts.detoxified[at] ?? null;
  const toxicityBefore = verdicts.toxicityBefore[at] ?? null;
  const toxicityAfter = verdicts.toxicityAfter[at] ?? null;
  const similarity = verdicts.similarity[at] ?? null;
  const tokensIn = verdicts.tokensIn[at];
  const tokensOut = verdicts.tokensOut[at];
  const isRewritten = outcome === 'detoxified' || outcome === 'still_toxic';
  if (outcome === undefined || (isRewritten ? typeof detoxified !== 'string' : detoxified !== null)) return undefined;
  if (!isShare(toxicityBefore) || !isShare(toxicityAfter) || !isShare(similarity)) return undefined;
  if (!isCount(tokensIn) || !isCount(tokensOut)) return undefined;
  const meta = verdicts.metas?.[at] ?? row.meta;
  const result = { rowNo, rowKey, outcome, text, detoxified, toxicityBefore, toxicityAfter, similarity };
  return { ...result, tokensIn, tokensOut, meta, ...(verdicts.cleared[at] === true && { cleared: true }) };
}

function isFault({ stage, code, message }: RowFault): boolean {
  return [stage, code, message].every((part: unknown) => typeof part === 'string');
}

/** 0 to 1, or null. NaN, which a model can compute, is refused. */
function isShare(value: unknown): boolean {
  return value === null || (typeof value === 'number' && value >= 0 && value <= 1);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
