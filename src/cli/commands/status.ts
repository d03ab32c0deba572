import type { Command } from 'commander';
import type { Context } from '../../app/context.ts';
import { readLife } from '../../app/run-life.ts';
import { DetoxqError, UsageError } from '../../contract/errors.ts';
import { reportRun } from '../../report/index.ts';
import { readProgress, readSummary } from '../../store/progress.ts';
import { getRun, listRuns } from '../../store/runs.ts';
import { messageWithAdvice, troubleLines } from '../advice.ts';
import { asCalled } from '../as-called.ts';
import { summaryText } from '../terminal/summary.ts';
import { outputTable } from '../terminal/table.ts';
import { visible } from '../terminal/visible.ts';
import { describeResults, withContext } from '../with-context.ts';
import { reasonsToLeave, watchRun } from './watch.ts';

const RUNS_LISTED = 20;

interface StatusOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
}

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .argument('[run]', 'run id, name, or latest; without it, the newest runs')
    .description('show how far runs are')
    .option('--watch', 'follow one run (default: the latest) until it ends')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq status
  detoxq status latest --watch

A run that does not come to its end by itself says why, and what to do.`,
    )
    .action(async (reference: string | undefined, options: StatusOptions) => {
      if (options.watch && options.json) throw new UsageError('--watch is for people: use --json without it.');
      await withContext({ reads: true }, async (context) => {
        if (options.watch) {
          const run = await getRun(context.database, reference ?? 'latest');
          await warnOfRedis(context);
          await watchRun(context, run);
          await show(context, run.id, options);
        } else {
          if (reference === undefined) await list(context, options);
          else await show(context, reference, options);
          if (!options.json) await warnOfRedis(context);
        }
      });
    });
}

/** What is shown is in Postgres; but a Redis that cannot be used is why nothing moves. */
async function warnOfRedis(context: Context): Promise<void> {
  if (context.services.redis !== 'external') return;
  try {
    await context.openQueue();
  } catch (error) {
    if (!(error instanceof DetoxqError)) throw error;
    process.stderr.write(`Warning: ${asCalled(messageWithAdvice(error))}\n`);
  }
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
    process.stderr.write(asCalled('There is no run yet. Start one: detoxq run FILE\n'));
    return;
  }
  const header = ['run', 'name', 'state', 'created', 'rows', 'done', 'errors', 'chunks waiting', 'in work'];
  const cells = rows.map(({ run, progress }) => [
    run.id,
    run.name,
    run.state,
    run.createdAt.toISOString().slice(0, 16).replace('T', ' '),
    progress.rowsTotal ?? progress.rowsEnqueued,
    progress.rowsDone,
    progress.rowErrors,
    progress.chunksQueued,
    progress.chunksActive,
  ]);
  process.stdout.write(`${outputTable(header, cells, { overflow: 'wrap' })}\n`);
}

async function show(context: Context, reference: string, { json }: StatusOptions): Promise<void> {
  const run = await getRun(context.database, reference);
  const summary = await readSummary(context.database, run.id);
  const report = reportRun(run, summary);
  const { chunksQueued, chunksActive, chunksDone } = summary.progress;
  const { workers, trouble, unable } = await readLife(context.database, run);
  const said = troubleLines(run.id, trouble);
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ...report, chunksQueued, chunksActive, chunksDone, workers, trouble: said, unable }, null, 2)}\n`,
    );
    return;
  }
  const chunks = `  chunks      ${chunksDone} done, ${chunksActive} in work, ${chunksQueued} waiting`;
  const stuck = said.map((reason) => `  stuck       ${visible(asCalled(reason))}\n`).join('');
  const left = reasonsToLeave({ trouble, unable }).map((reason) => `  left        ${visible(asCalled(reason))}\n`);
  process.stdout.write(`${summaryText(report, describeResults(context, run.id))}\n${chunks}\n${left.join('')}${stuck}`);
}
