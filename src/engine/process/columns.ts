import { OUTCOMES, type RowVerdict } from '../../contract/outcome.ts';
import type { SourceRow } from '../../contract/row.ts';
import type { GroupRows, GroupVerdicts } from './protocol.ts';

/** The verdict on a row of a group. */
export interface GroupedVerdict {
  /** Position of the row in the group. */
  readonly index: number;
  readonly row: SourceRow;
  readonly verdict: RowVerdict;
}

export function toGroupRows(rows: readonly SourceRow[]): GroupRows {
  const texts = rows.map(({ text }) => text);
  return rows.some(({ meta }) => meta !== null) ? { texts, metas: rows.map(({ meta }) => meta) } : { texts };
}

/** Rows numbered by their position. A group may hold rows of several runs, whose row numbers can be equal. */
export function fromGroupRows({ texts, metas }: GroupRows): SourceRow[] {
  return texts.map((text, index) => ({ rowNo: index, rowKey: null, text, meta: metas?.[index] ?? null }));
}

export function toGroupVerdicts(answers: readonly GroupedVerdict[]): GroupVerdicts {
  const results = answers.map(({ verdict }) => ('fault' in verdict ? NO_RESULT : verdict));
  const metas = answers.map(({ verdict, row }) =>
    'fault' in verdict || verdict.meta === row.meta ? null : verdict.meta,
  );
  const faults = answers.map(({ verdict }) => ('fault' in verdict ? verdict.fault : null));
  return {
    indexes: answers.map(({ index }) => index),
    outcomes: results.map(({ outcome }) => (outcome === null ? null : OUTCOMES.indexOf(outcome))),
    detoxified: results.map(({ detoxified }) => detoxified),
    toxicityBefore: results.map(({ toxicityBefore }) => toxicityBefore),
    toxicityAfter: results.map(({ toxicityAfter }) => toxicityAfter),
    similarity: results.map(({ similarity }) => similarity),
    tokensIn: results.map(({ tokensIn }) => tokensIn),
    tokensOut: results.map(({ tokensOut }) => tokensOut),
    cleared: results.map(({ cleared }) => cleared === true),
    ...(metas.some((meta) => meta !== null) && { metas }),
    ...(faults.some((fault) => fault !== null) && { faults }),
  };
}

const NO_RESULT = {
  ...{ outcome: null, detoxified: null, toxicityBefore: null, toxicityAfter: null, similarity: null },
  ...{ tokensIn: 0, tokensOut: 0, cleared: false },
} as const;
