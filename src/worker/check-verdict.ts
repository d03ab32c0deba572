import { OUTCOMES } from '../contract/outcome.ts';
import type { SourceRow } from '../contract/row.ts';
import type { FromEngine } from '../engine/protocol.ts';

/*
 * What an engine process says crosses a process boundary, and comes from native code: it is checked before it is
 * believed. One wrong value in one row would make Postgres refuse its whole chunk, again and again.
 */

const OUTCOME_NAMES: readonly unknown[] = OUTCOMES;
const REWRITTEN: readonly unknown[] = ['detoxified', 'still_toxic'];

/** Whether it is a message of the protocol, as far as its envelope goes. */
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
      return (
        typeof message.poolId === 'number' &&
        Array.isArray(message.verdicts) &&
        message.verdicts.every((each) => isObject(each) && typeof each.index === 'number')
      );
    case 'pool-done':
      return (
        typeof message.poolId === 'number' &&
        isObject(message.timings) &&
        Number.isFinite(message.rssBytes) &&
        Number.isFinite(message.peakRssBytes)
      );
    case 'pool-failed':
      return typeof message.poolId === 'number' && typeof message.message === 'string';
    default:
      return false;
  }
}

/** Whether it is an answer to this row that can be stored. */
export function isVerdictOf(row: SourceRow, verdict: unknown): boolean {
  if (!isObject(verdict) || verdict.rowNo !== row.rowNo || verdict.rowKey !== row.rowKey) return false;
  const { fault } = verdict;
  if (fault !== undefined) {
    return isObject(fault) && [fault.stage, fault.code, fault.message].every((part) => typeof part === 'string');
  }
  const { text, outcome, detoxified, toxicityBefore, toxicityAfter, similarity, tokensIn, tokensOut } = verdict;
  return (
    text === row.text &&
    OUTCOME_NAMES.includes(outcome) &&
    (REWRITTEN.includes(outcome) ? typeof detoxified === 'string' : detoxified === null) &&
    [toxicityBefore, toxicityAfter, similarity].every(isShare) &&
    [tokensIn, tokensOut].every(isCount)
  );
}

/** 0 to 1, or null. NaN, which a model can come to, is neither. */
function isShare(value: unknown): boolean {
  return value === null || (typeof value === 'number' && value >= 0 && value <= 1);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
