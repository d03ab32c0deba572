import type { Command } from 'commander';
import { WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from '../../app/context.ts';
import { enginePlace } from '../../app/engines.ts';
import { doJob } from '../../app/job.ts';
import { readByRuns } from '../../app/kept-files.ts';
import { prepareRun } from '../../app/new-run.ts';
import { requireInputs } from '../../producer/input.ts';
import {
  addEngineOptions,
  addRunOptions,
  type EngineProcessOptions,
  type RunOptions,
  requestOf,
} from '../options/options.ts';
import { withContext } from '../with-context.ts';
import { finishJob } from './finish.ts';
import { INTERRUPTED, withProgress } from './job.ts';
import { checkExport, readByRun } from './outputs.ts';
import { mentionUnfinished } from './unfinished.ts';

interface Options extends RunOptions, EngineProcessOptions {
  readonly out?: string;
  readonly json?: boolean;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .argument('<files...>', 'CSV, TSV, JSONL or text, also .gz or .zst; - is standard input')
    .description('everything on this machine: enqueue, work, wait, summary, export if asked');
  addEngineOptions(addRunOptions(command))
    .option('--out <file>', 'export when done; the ending gives the format: .jsonl, .csv, .tsv')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq run examples/comments.csv
  detoxq run comments.jsonl.gz --text-column body --out cleaned.jsonl
  zcat comments.txt.gz | detoxq run - --format txt --threshold 0.7

Without DATABASE_URL and REDIS_URL it starts its own Postgres, and Redis where there is one on PATH; they keep their
data in .detoxq/ (DETOXQ_HOME) and end with it. Ctrl-C stops cleanly; "detoxq resume latest" goes on.
It works on its own rows alone: a run that was left unfinished is mentioned, and goes on with "detoxq resume".`,
    )
    .action(async (files: string[], options: Options) => {
      await checkExport(options.out, readByRun(files, options));
      const place = enginePlace(options);
      await requireInputs(files);
      process.exitCode = await withContext(
        { schema: 'apply', connections: WORK_CONNECTIONS, answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS },
        async (context) => {
          if (options.out !== undefined) await checkExport(options.out, await readByRuns(context.database, null));
          await mentionUnfinished(context);
          const { create, ...prepared } = await prepareRun(context, files, requestOf(options), place);
          const { run, ended } = await withProgress((shown) =>
            doJob(context, { ...prepared, ...shown, begin: create, place }),
          );
          return ended ? finishJob(context, run, options) : INTERRUPTED;
        },
      );
    });
}
