import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from '../../app/context.ts';
import { enginePlace } from '../../app/engines.ts';
import { startRunningWorker } from '../../app/worker.ts';
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
      await withContext(
        { connections: WORK_CONNECTIONS, answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS, logLevel: 'info' },
        async (context) => {
          const stop = listenForStop((text) => context.log.info({}, text));
          const worker = await startRunningWorker(context, enginePlace(options));
          try {
            while (!stop.signal.aborted) {
              if (options.exitWhenEmpty && (await worker.isIdle())) break;
              await pause(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
            }
          } finally {
            await worker.stop();
            stop.dispose();
          }
        },
      );
    });
}
