import type { Command } from 'commander';
import { type Context, WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from '../../app/context.ts';
import { enginePlace } from '../../app/engines.ts';
import { doJob } from '../../app/job.ts';
import { readByRuns } from '../../app/kept-files.ts';
import { prepareRun } from '../../app/new-run.ts';
import { requireInputs } from '../../producer/input.ts';
import { readProgress } from '../../store/progress.ts';
import { getRun, openRuns } from '../../store/runs.ts';
import { readProducer, readWorkers, SILENT_MS } from '../../store/workers.ts';
import { asCalled } from '../as-called.ts';
import {
  addEngineOptions,
  addRunOptions,
  type EngineProcessOptions,
  type RunOptions,
  requestOf,
} from '../options/options.ts';
import { withContext } from '../with-context.ts';
import { describeRun } from './chosen-run.ts';
import { finishJob } from './finish.ts';
import { INTERRUPTED, withProgress } from './job.ts';
import { checkExport, readByRun } from './outputs.ts';

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

/**
 * Says which runs were left unfinished, and how to go on with them: a new run works on its own rows alone.
 * Prints nothing while a worker is alive, which works on them.
 */
async function mentionUnfinished({ database }: Context): Promise<void> {
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
