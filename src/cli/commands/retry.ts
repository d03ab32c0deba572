import type { Command } from 'commander';
import { WORK_CONNECTIONS } from '../../app/context.ts';
import { enginePlace } from '../../app/engines.ts';
import { doJob } from '../../app/job.ts';
import { readByRuns } from '../../app/kept-files.ts';
import { version } from '../../config.ts';
import { UsageError } from '../../contract/errors.ts';
import { knownSettings } from '../../contract/features.ts';
import { countRowErrors, reopenRowErrors } from '../../store/retry.ts';
import { getRun } from '../../store/runs.ts';
import { counted, formatCount } from '../../util/format.ts';
import { addEngineOptions, type EngineProcessOptions } from '../options/options.ts';
import { withContext } from '../with-context.ts';
import { exportWhole, finishJob } from './finish.ts';
import { INTERRUPTED, withProgress } from './job.ts';
import { checkExport, DETACHED_OUT } from './outputs.ts';

interface Options extends EngineProcessOptions {
  readonly detach?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function addRetryCommand(program: Command): void {
  const command = program
    .command('retry')
    .argument('<run>', 'run id, name, or latest')
    .description('try the row errors of a run again, with its original settings');
  addEngineOptions(command)
    .option('--detach', 'only put them back to work, for workers that run elsewhere')
    .option('--out <file>', 'export when done; the ending gives the format: .jsonl, .csv, .tsv')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq retry latest
  detoxq retry r7k2m9qd --detach && detoxq status r7k2m9qd --watch

A row error stays until a result takes its place. Rows that could not be read (stage "read") are not tried again:
their text was never stored. Fix the source, and start a new run with them.`,
    )
    .action(async (reference: string, options: Options) => {
      if (options.detach && options.out !== undefined) throw new UsageError(DETACHED_OUT);
      await checkExport(options.out, []);
      const place = enginePlace(options);
      process.exitCode = await withContext({ connections: WORK_CONNECTIONS }, async (context) => {
        const { database } = context;
        const run = await getRun(database, reference);
        await checkExport(options.out, await readByRuns(database, run));
        const { retryable, unreadable } = await countRowErrors(database, run.id);
        if (unreadable > 0) {
          process.stderr.write(
            `${formatCount(unreadable)} row errors are left as they are: those rows could not be read from the source.\n`,
          );
        }
        const works = !options.detach && retryable > 0;
        const settings = works ? knownSettings(run, `this detoxq (${version})`) : null;
        const models = settings === null ? null : await context.checkpoints.openSame(settings);
        const reopen = async () => {
          const { rows, chunks } = await reopenRowErrors(database, run.id);
          process.stderr.write(
            rows === 0
              ? 'There is no row error to try again.\n'
              : `Trying ${counted(rows, 'row')} of ${counted(chunks, 'chunk')} again.\n`,
          );
          return rows;
        };
        if (settings === null || models === null) {
          const rows = await reopen();
          if (options.out !== undefined) await exportWhole(context, run, options.out);
          if (options.json) process.stdout.write(`${JSON.stringify({ run: run.id, rows, unreadable })}\n`);
          return 0;
        }
        const begin = async () => {
          await reopen();
          return run;
        };
        const { ended } = await withProgress((shown) =>
          doJob(context, { settings, models, begin, dataset: null, place, ...shown }),
        );
        return ended ? finishJob(context, await getRun(database, run.id), options) : INTERRUPTED;
      });
    });
}
