import { test } from 'vitest';
import { createRecorder, createTestQueues, jobOf } from '../support/queues.ts';
import { redisUrl } from '../support/services.ts';

const KINDS = redisUrl === null ? (['postgres'] as const) : (['redis', 'postgres'] as const);

// Takes as long as a lock lasts (30 s) and until somebody looks for it (10 s): what a crash of a worker costs.
test.concurrent.for(KINDS)(
  'a job whose consumer is gone without a word is delivered to another one (%s)',
  { timeout: 90_000 },
  async (kind, { expect, onTestFinished }) => {
    const queues = await createTestQueues(kind);
    onTestFinished(() => queues.drop());
    const queue = await queues.open();
    await queue.add([jobOf(0)]);
    const dead = createRecorder(() => new Promise(() => {}));
    const consumer = await queue.consume(dead.process, { concurrency: 1 });
    await dead.until(1);
    // Connections are cut with the job in work, as a crash does it.
    expect(await consumer.close(0)).toBe(false);
    const heir = createRecorder();
    const other = await (await queues.open()).consume(heir.process, { concurrency: 1 });
    await heir.until(1);
    expect(heir.jobs).toEqual([jobOf(0)]);
    await other.close(5_000);
  },
);
