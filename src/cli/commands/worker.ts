import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Context, WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from '../../app/context.ts';
import { engineOpener, enginePlace } from '../../app/engines.ts';
import { version } from '../../config.ts';
import { ServiceError } from '../../contract/errors.ts';
import { deviceName } from '../../contract/model-device.ts';
import type { ChunkQueue } from '../../queue/queue.ts';
import { createReconciler } from '../../queue/reconciler.ts';
import { readProgress } from '../../store/progress.ts';
import { openRuns } from '../../store/runs.ts';
import { startWorker } from '../../worker/worker.ts';
import { addEngineOptions, type EngineProcessOptions } from '../options/options.ts';
import { listenForStop } from '../signals.ts';
import { withContext } from '../with-context.ts';

const LOOK_EVERY_MS = 500;

interface Options extends EngineProcessOptions {
  readonly exitWhenEmpty?: boolean;
}

export function addWorkerCommand(program: Command): void {
  const command = program
    .command('worker')
    .description('take chunks from the queue until stopped; as many as you like, on any machine');
  addEngineOptions(command)
    .option('--exit-when-empty', 'end when no chunk is waiting or in work')
    .addHelpText(
      'after',
      `
Examples:
  DATABASE_URL=postgres://… REDIS_URL=redis://… detoxq worker
  detoxq worker --processes 4 --exit-when-empty
  detoxq worker --device cuda:1      for runs in fp16 (docs/gpu.md)

SIGTERM and Ctrl-C: takes no new chunks, finishes those in work within DETOXQ_DRAIN_SECONDS (25), hands the rest back.
A second signal ends it at once; its chunks are delivered again when their locks run out.`,
    )
    .action(async (options: Options) => {
      const place = enginePlace(options);
      const { processes } = place;
      await withContext(
        { connections: WORK_CONNECTIONS, answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS, logLevel: 'info' },
        async (context) => {
          const { database, log, config } = context;
          const queue = await context.openQueue();
          const name = `${hostname()}/${process.pid}`;
          const stop = listenForStop((text) => log.info({ worker: name }, text));
          const openEngines = engineOpener(context, { place, find: context.checkpoints.findAllowed });
          const worker = await startWorker({ database, queue, openEngines, processes, name, log, version });
          // Rows may be kept in another form by a newer schema.
          const mayAdd = () => worker.outdated() === null;
          const reconciler = createReconciler({ database, queue, log, mayAdd });
          reconciler.start();
          log.info({ worker: name, processes, device: deviceName(place.device) }, 'worker is ready');
          try {
            while (!stop.signal.aborted) {
              if (options.exitWhenEmpty && (await isEmpty(context, queue))) break;
              await pause(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
            }
          } finally {
            await reconciler.close();
            const finished = await worker.drain(config.drainDeadlineMs);
            log.info(
              { worker: name, finished },
              finished ? 'worker has finished what it had' : 'worker handed chunks back',
            );
            stop.dispose();
          }
        },
      );
    });
}

/** False also while Postgres or Redis are away: then no one knows. */
async function isEmpty({ database }: Context, queue: ChunkQueue): Promise<boolean> {
  try {
    if ((await queue.depth()) > 0) return false;
    for (const runId of await openRuns(database)) {
      const { chunksQueued, chunksActive } = await readProgress(database, runId);
      if (chunksQueued + chunksActive > 0) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}
