import type { Command } from 'commander';
import { type Context, WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from '../../app/context.ts';
import { enginePlace } from '../../app/engines.ts';
import { readByRuns } from '../../app/kept-files.ts';
import { openRun } from '../../app/run-handle.ts';
import { UsageError } from '../../contract/errors.ts';
import type { Run } from '../../contract/run.ts';
import { getRun, lacksChunks } from '../../store/runs.ts';
import { troubleLines } from '../advice.ts';
import { asCalled } from '../as-called.ts';
import { addEngineOptions, type EngineProcessOptions } from '../options/options.ts';
import { visible } from '../terminal/visible.ts';
import { withContext } from '../with-context.ts';
import { finishJob } from './finish.ts';
import { INTERRUPTED, withProgress } from './job.ts';
import { checkExport, DETACHED_OUT } from './outputs.ts';

interface Options extends EngineProcessOptions {
  readonly detach?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function addResumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .argument('<run>', 'run id, name, or latest')
    .description('go on with a run that was interrupted, on this machine, with its original settings');
  addEngineOptions(command)
    .option('--detach', 'only end a pause, for workers and the producer that run elsewhere')
    .option('--out <file>', 'export when done; the ending gives the format: .jsonl, .csv, .tsv')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq resume latest
  detoxq resume latest --detach

Rows that are done are not done again. A source that was not read to its end is read on from where the ledger ends,
and one whose chunks are no longer all in the ledger from the first that is missing; if its files have changed since, or the models are not the same, the run is refused.`,
    )
    .action(async (reference: string, options: Options) => {
      if (options.detach && options.out !== undefined) throw new UsageError(DETACHED_OUT);
      await checkExport(options.out, []);
      const place = enginePlace(options);
      process.exitCode = await withContext(
        { connections: WORK_CONNECTIONS, answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS },
        async (context) => {
          const { database } = context;
          const found = await getRun(database, reference);
          await checkExport(options.out, await readByRuns(database, found));
          if (found.state === 'done' && !(await lacksChunks(database, found.id))) {
            process.stderr.write(`Run ${found.id} is done already.\n`);
            return finishJob(context, found, options);
          }
          if (options.detach && found.state !== 'cancelled') return detach(context, found, options);
          const { run, ended } = await withProgress((shown) => openRun(context, found.id).finish({ place, ...shown }));
          return ended ? finishJob(context, run, options) : INTERRUPTED;
        },
      );
    });
}

/** Ends a pause and leaves the work to others; says what is missing for that. */
async function detach(context: Context, found: Run, { json }: Options): Promise<number> {
  const handle = openRun(context, found.id);
  const run = await handle.resume();
  const trouble = troubleLines(run.id, (await handle.life()).trouble);
  if (json) process.stdout.write(`${JSON.stringify({ run: run.id, state: run.state, trouble })}\n`);
  else {
    process.stdout.write(`Run ${run.id} is ${run.state}.\n`);
    for (const reason of trouble) process.stderr.write(`Run ${run.id}: ${visible(asCalled(reason))}\n`);
  }
  return 0;
}
