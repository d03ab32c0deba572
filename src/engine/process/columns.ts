import { OUTCOMES } from '../../contract/outcome.ts';
import type { SourceRow } from '../../contract/row.ts';
import type { PoolRows, PoolVerdicts, RowVerdict } from './protocol.ts';

/** The verdict on a row of a pool. */
export interface PooledVerdict {
  /** Position of the row in the pool. */
  readonly index: number;
  readonly row: SourceRow;
  readonly verdict: RowVerdict;
}

export function toPoolRows(rows: readonly SourceRow[]): PoolRows {
  const texts = rows.map(({ text }) => text);
  return rows.some(({ meta }) => meta !== null) ? { texts, metas: rows.map(({ meta }) => meta) } : { texts };
}

/** Rows that are numbered by their position: a pool may hold rows of several runs, whose own numbers can be equal. */
export function fromPoolRows({ texts, metas }: PoolRows): SourceRow[] {
  return texts.map((text, index) => ({ rowNo: index, rowKey: null, text, meta: metas?.[index] ?? null }));
}

export function toPoolVerdicts(pooled: readonly PooledVerdict[]): PoolVerdicts {
  const results = pooled.map(({ verdict }) => ('fault' in verdict ? NO_RESULT : verdict));
  const metas = pooled.map(({ verdict, row }) =>
    'fault' in verdict || verdict.meta === row.meta ? null : verdict.meta,
  );
  const faults = pooled.map(({ verdict }) => ('fault' in verdict ? verdict.fault : null));
  return {
    indexes: pooled.map(({ index }) => index),
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
