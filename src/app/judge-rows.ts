import { terminal } from '../cli/terminal/terminal.ts';
import type { SourceRow } from '../contract/row.ts';
import type { RunSettings } from '../contract/settings.ts';
import type { RowVerdict } from '../engine/index.ts';
import type { Context } from './context.ts';
import { type EnginePlace, engineOpener, loadingStep } from './engines.ts';

/** Opens the engines of a run for `work`, which is given what these make of rows, in their order. */
export async function judgeRows<T>(
  context: Context,
  settings: RunSettings,
  place: EnginePlace,
  work: (verdicts: (rows: readonly SourceRow[]) => Promise<readonly RowVerdict[]>) => Promise<T>,
): Promise<T> {
  const engines = engineOpener(context, place)(settings);
  try {
    terminal.step(loadingStep(context, settings));
    await engines.ready;
    return await work((rows) => engines.process(rows));
  } finally {
    await engines.close();
  }
}
