import type { RowVerdict } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';
import type { Engines } from '../../src/worker/engines.ts';
import { DETOXIFIER, resultOf, SCORER } from './ledger.ts';

/** Engines in this process: each row is clean, but for those that `fails` says. */
export function createPlainEngines(fails: (row: SourceRow) => boolean): Engines {
  const judge = (row: SourceRow): RowVerdict => {
    const { rowNo, rowKey, text, meta } = row;
    if (fails(row)) return { rowNo, rowKey, fault: { stage: 'engine', code: 'engine_crashed', message: 'asked for' } };
    return resultOf(rowNo, { rowKey, text, meta, outcome: 'clean' });
  };
  return {
    ready: Promise.resolve({ scorer: SCORER, detoxifier: DETOXIFIER }),
    processes: 1,
    process: async (rows) => rows.map(judge),
    callsWanted: () => 1,
    decidedRows: () => 0,
    takeTimings: () => ({ scoreMs: 1, rewriteMs: 1, textMs: 1 }),
    close: async () => {},
  };
}
