import { CPU } from '../../contract/device.ts';
import type { EngineOptions, EngineTimings } from '../../contract/engine.ts';
import { DetoxqError } from '../../contract/errors.ts';
import type { Detoxifier, Scorer } from '../../contract/models.ts';
import { createPolicy } from '../../detox/policy.ts';
import { loadDetoxifier } from '../models/detoxifier.ts';
import { loadScorer } from '../models/scorer.ts';
import { ranGraph } from '../runtime/session.ts';
import { fromGroupRows, type GroupedVerdict, toGroupVerdicts } from './columns.ts';
import { endWithSupervisor } from './end-with-supervisor.ts';
import type { FromEngine, GroupRows, ToEngine } from './protocol.ts';

/*
 * An engine process: one thread of inference. A call of onnxruntime blocks the event loop, and the queue needs its own.
 *
 *   starting ──ready──▶ idle ──group──▶ working ──group-done | group-failed──▶ idle
 *      └──refused──▶ exit        (any state) ──supervisor gone──▶ exit
 *
 * It holds no state about rows. If it dies, its supervisor gives the rows of its group to another process.
 */

/** A message holds at most this many verdicts. One message per row would cost more than the text work. */
const VERDICTS_PER_MESSAGE = 256;
/** If verdicts come slowly, a message is sent after this time, because a user may be watching. */
const MESSAGE_EVERY_MS = 250;
/**
 * Interval of `working` messages. A row of a megabyte has tens of thousands of sentences: it takes minutes without a verdict
 * and does not hang.
 */
const ALIVE_EVERY_MS = 5_000;

function send(message: FromEngine): void {
  // The supervisor may be gone; `disconnect` then ends this process.
  process.send?.(message, undefined, {}, () => {});
}

/** Adds the time of a model's calls to a counter, outside the model. */
function timed<T>(add: (ms: number) => void, call: () => Promise<T>): Promise<T> {
  const start = performance.now();
  return call().finally(() => add(performance.now() - start));
}

interface Loaded {
  process(groupId: number, rows: GroupRows): Promise<void>;
}

async function load(options: EngineOptions): Promise<Loaded> {
  const start = performance.now();
  const { precision, scales, cacheFolder, device = CPU } = options;
  const shared = { precision, cacheFolder, device };
  const scorer = await loadScorer({ ...options.scorer, ...shared, scales: scales?.scorer });
  const writing = { generation: options.generation, prompt: options.prompt, scales: scales?.detoxifier };
  const detoxifier = await loadDetoxifier({ ...options.detoxifier, ...shared, ...writing });
  const small = options.prefilter && (await loadScorer({ ...options.prefilter, ...shared, scales: scales?.prefilter }));
  send({
    type: 'ready',
    scorer: scorer.identity,
    detoxifier: detoxifier.identity,
    prefilter: small?.identity,
    loadMs: Math.round(performance.now() - start),
  });

  let scoreMs = 0;
  let rewriteMs = 0;
  const timedScorer = (model: Scorer): Scorer => ({
    identity: model.identity,
    maxInputTokens: model.maxInputTokens,
    countTokens: (text) => model.countTokens(text),
    score: (texts) =>
      timed(
        (ms) => {
          scoreMs += ms;
        },
        () => model.score(texts),
      ),
  });
  const timedDetoxifier: Detoxifier = {
    identity: detoxifier.identity,
    maxInputTokens: detoxifier.maxInputTokens,
    knownWords: detoxifier.knownWords,
    countTokens: (text) => detoxifier.countTokens(text),
    rewrite: (texts) =>
      timed(
        (ms) => {
          rewriteMs += ms;
        },
        () => detoxifier.rewrite(texts),
      ),
  };
  const policy = createPolicy({
    scorer: timedScorer(scorer),
    detoxifier: timedDetoxifier,
    threshold: options.threshold,
    prefilter: small && { scorer: timedScorer(small), clearBelow: options.prefilter?.clearBelow ?? 0 },
  });

  const takeTimings = (totalMs: number): EngineTimings => {
    const timings = { scoreMs, rewriteMs, textMs: Math.max(0, totalMs - scoreMs - rewriteMs) };
    scoreMs = 0;
    rewriteMs = 0;
    return timings;
  };

  return {
    async process(groupId, groupRows) {
      const startMs = performance.now();
      let buffer: GroupedVerdict[] = [];
      let flushedMs = startMs;
      const flush = (): void => {
        flushedMs = performance.now();
        if (buffer.length > 0) send({ type: 'verdicts', groupId, verdicts: toGroupVerdicts(buffer) });
        buffer = [];
      };
      const rows = fromGroupRows(groupRows);
      try {
        await policy.process(rows, (verdict) => {
          const index = verdict.rowNo;
          const row = rows[index];
          if (row === undefined) throw new RangeError(`the policy answered for row ${index} of ${rows.length}`);
          buffer.push({ index, row, verdict });
          if (buffer.length >= VERDICTS_PER_MESSAGE || performance.now() - flushedMs > MESSAGE_EVERY_MS) flush();
        });
        flush();
        const timings = takeTimings(performance.now() - startMs);
        const peakRssBytes = process.resourceUsage().maxRSS * 1024;
        send({ type: 'group-done', groupId, timings, rssBytes: process.memoryUsage.rss(), peakRssBytes });
      } catch (error) {
        flush();
        takeTimings(0);
        send({ type: 'group-failed', groupId, message: error instanceof Error ? error.message : String(error) });
      }
    },
  };
}

/** Reports at intervals that graphs run. A call that does not return, or a loop that runs no graph, reports nothing. */
function tellProgress(): void {
  let toldMs = 0;
  ranGraph.subscribe(() => {
    if (performance.now() - toldMs < ALIVE_EVERY_MS) return;
    toldMs = performance.now();
    send({ type: 'alive' });
  });
}

function main(): void {
  endWithSupervisor();
  tellProgress();
  let loaded: Promise<Loaded> | undefined;
  let last: Promise<void> = Promise.resolve();
  process.on('message', (message: ToEngine) => {
    if (message.type === 'start') {
      loaded = load(message.options);
      loaded.catch((error: unknown) => {
        const details = error instanceof DetoxqError ? error.details : undefined;
        send({ type: 'refused', message: error instanceof Error ? error.message : String(error), details });
        process.disconnect?.();
      });
    } else {
      const models = loaded;
      if (models === undefined) throw new Error('a group came before the models');
      last = last.then(async () => (await models).process(message.groupId, message.rows));
    }
  });
}

main();
