import type { Context } from '../../app/context.ts';
import { readProgress } from '../../store/progress.ts';
import { getRun, openRuns } from '../../store/runs.ts';
import { readProducer, readWorkers, SILENT_MS } from '../../store/workers.ts';
import { asCalled } from '../as-called.ts';
import { describeRun } from './chosen-run.ts';

/**
 * Says which runs were left unfinished, and how to go on with them: a new run works on its own rows alone.
 * Prints nothing while a worker is alive, which works on them.
 */
export async function mentionUnfinished({ database }: Context): Promise<void> {
  const workers = await readWorkers(database);
  if (workers.some(({ silentMs }) => silentMs < SILENT_MS)) return;
  const open = await openRuns(database);
  const newest = open.at(-1);
  if (newest === undefined) return;
  const producer = await readProducer(database, newest);
  if (producer?.silentMs != null && producer.silentMs < SILENT_MS) return;
  const described = describeRun(await getRun(database, newest), await readProgress(database, newest));
  const which = open.length === 1 ? 'A run is unfinished' : `${open.length} runs are unfinished; the newest`;
  process.stderr.write(`${which}: ${described}. ${asCalled(`Go on with it: detoxq resume ${newest}`)}\n`);
}
