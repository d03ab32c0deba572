import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { UsageError } from '../contract/errors.ts';
import type { RunState } from '../contract/run.ts';
import { reportRun } from '../report/summary.ts';
import { readProgress, readSummary } from '../store/progress.ts';
import { getRun, listRuns } from '../store/runs.ts';
import { type Context, describeResults, withContext } from './context.ts';
import { formatTable } from './format.ts';
import { summaryText } from './print-summary.ts';
import { createProgressDisplay } from './progress.ts';
import { listenForStop } from './signals.ts';

const WATCH_EVERY_MS = 500;
const RUNS_LISTED = 20;

interface StatusOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
}

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .argument('[run]', 'run id, or latest; without it, the newest runs')
    .description('show how far runs are')
    .option('--watch', 'follow one run (default: the latest) until it ends')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  detoxq status\n  detoxq status latest --watch')
    .action(async (reference: string | undefined, options: StatusOptions) => {
      if (options.watch && options.json) throw new UsageError('--watch is for people: use --json without it.');
      await withContext({}, async (context) => {
        if (options.watch) await watch(context, reference ?? 'latest');
        else if (reference === undefined) await list(context, options);
        else await show(context, reference, options);
      });
    });
}

async function list({ database }: Context, { json }: StatusOptions): Promise<void> {
  const runs = await listRuns(database, RUNS_LISTED);
  const rows = await Promise.all(runs.map(async (run) => ({ run, progress: await readProgress(database, run.id) })));
  if (json) {
    process.stdout.write(
      `${JSON.stringify(
        rows.map(({ run, progress }) => ({ name: run.name, createdAt: run.createdAt, ...progress })),
        null,
        2,
      )}\n`,
    );
    return;
  }
  if (rows.length === 0) {
    process.stderr.write('There is no run yet. Begin one: detoxq run FILE\n');
    return;
  }
  const header = ['run', 'name', 'state', 'created', 'rows', 'done', 'errors', 'chunks waiting', 'in work'];
  const cells = rows.map(({ run, progress }) => [
    run.id,
    run.name,
    run.state,
    run.createdAt.toISOString().slice(0, 19).replace('T', ' '),
    progress.rowsTotal ?? progress.rowsEnqueued,
    progress.rowsDone,
    progress.rowErrors,
    progress.chunksQueued,
    progress.chunksActive,
  ]);
  process.stdout.write(`${formatTable(header, cells)}\n`);
}

async function show(context: Context, reference: string, { json }: StatusOptions): Promise<void> {
  const run = await getRun(context.database, reference);
  const summary = await readSummary(context.database, run.id);
  const report = reportRun(run, summary);
  const { chunksQueued, chunksActive, chunksDone } = summary.progress;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...report, chunksQueued, chunksActive, chunksDone }, null, 2)}\n`);
    return;
  }
  const chunks = `  chunks      ${chunksDone} done, ${chunksActive} in work, ${chunksQueued} waiting`;
  process.stdout.write(`${summaryText(report, describeResults(context, run.id))}\n${chunks}\n`);
}

const ENDED: readonly RunState[] = ['done', 'cancelled'];

async function watch(context: Context, reference: string): Promise<void> {
  const run = await getRun(context.database, reference);
  const display = createProgressDisplay();
  const stop = listenForStop(() => {});
  try {
    for (;;) {
      const progress = await readProgress(context.database, run.id);
      display.update(progress);
      if (ENDED.includes(progress.state) || stop.signal.aborted) break;
      await pause(WATCH_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    display.end();
    stop.dispose();
  }
  await show(context, run.id, {});
}
