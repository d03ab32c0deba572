import type { Command } from 'commander';
import { clearLeftovers } from '../../app/clear-queue.ts';
import { WORK_ANSWER_TIMEOUT_MS } from '../../app/context.ts';
import { enginePlace } from '../../app/engines.ts';
import { enqueueAll } from '../../app/enqueue.ts';
import type { AppEvent } from '../../app/events.ts';
import { prepareRun } from '../../app/new-run.ts';
import { requireInputs } from '../../producer/input.ts';
import type { ProduceProgress } from '../../producer/produce.ts';
import { counted } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { addRunOptions, deviceOption, type RunOptions, requestOf } from '../options/options.ts';
import { listenForStop } from '../signals.ts';
import { sayEvent } from '../terminal/events.ts';
import { withContext } from '../with-context.ts';
import { INTERRUPTED } from './job.ts';

const SAY_EVERY_MS = 2_000;

export function addEnqueueCommand(program: Command): void {
  const command = program
    .command('enqueue')
    .argument('<files...>', 'CSV, TSV, JSONL or text, also .gz or .zst; - is standard input')
    .description('read a dataset into the ledger and the queue, for workers anywhere; prints the run id');
  addRunOptions(command)
    .addOption(deviceOption())
    .addHelpText(
      'after',
      `
Examples:
  run=$(detoxq enqueue comments.csv) && detoxq status $run --watch
  detoxq enqueue part-1.jsonl.zst part-2.jsonl.zst --name november

It pauses while the queue is full, so it finishes about when the workers do. Interrupted, it leaves a run that
"detoxq resume RUN" continues.`,
    )
    .action(async (files: string[], options: RunOptions) => {
      await requireInputs(files);
      const say = progressLine();
      const onEvent = (event: AppEvent): void => (event.type === 'enqueueing' ? say(event.progress) : sayEvent(event));
      process.exitCode = await withContext({ answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS, onEvent }, async (context) => {
        const { dataset, create } = await prepareRun(context, files, requestOf(options), enginePlace(options));
        const queue = await context.openQueue();
        await clearLeftovers(context, queue);
        const run = await create();
        process.stdout.write(`${run.id}\n`);
        const stop = listenForStop((text) => process.stderr.write(`${text}\n`));
        const produced = await enqueueAll(context, run, dataset, queue, stop.signal);
        stop.dispose();
        const counts = `${counted(produced.rows, 'row')} in ${counted(produced.chunks, 'chunk')}`;
        if (produced.finished) process.stderr.write(`Enqueued ${counts} as run ${run.id}.\n`);
        else process.stderr.write(asCalled(`Stopped with ${counts} enqueued. Go on with: detoxq resume ${run.id}\n`));
        return produced.finished ? 0 : INTERRUPTED;
      });
    });
}

/** A line every few seconds: an enqueue that waits for workers should not look hung. */
function progressLine(): (progress: ProduceProgress) => void {
  let lastMs = performance.now();
  return (progress) => {
    if (performance.now() - lastMs < SAY_EVERY_MS) return;
    lastMs = performance.now();
    const share =
      progress.bytesTotal === null
        ? ''
        : `, ${Math.floor((100 * progress.bytesRead) / progress.bytesTotal)} % of the files`;
    const waiting = {
      workers: ', waiting for workers to empty the queue',
      services: ', waiting for Postgres or Redis',
    };
    const state = progress.waitingFor === null ? '' : waiting[progress.waitingFor];
    process.stderr.write(`${counted(progress.rows, 'row')} enqueued${share}${state}\n`);
  };
}
