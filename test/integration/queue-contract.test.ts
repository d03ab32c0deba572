import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UsageError } from '../../src/contract/errors.ts';
import { type ChunkQueue, type Delivery, jobId } from '../../src/queue/queue.ts';
import {
  createRecorder,
  createTestQueues,
  describeQueues,
  jobOf,
  type QueueKind,
  type TestQueues,
} from '../support/queues.ts';

const NOTHING_LEFT = { timeout: 20_000, interval: 20 };

describeQueues(suite);

function suite(kind: QueueKind): void {
  let queues: TestQueues;
  let queue: ChunkQueue;
  beforeEach(async () => {
    queues = await createTestQueues(kind);
    queue = await queues.open();
  });
  afterEach(() => queues.drop());

  const drained = () => vi.waitFor(async () => expect(await queue.depth()).toBe(0), NOTHING_LEFT);

  test('delivers jobs in order and as they were added, and forgets them when they are done', async () => {
    const jobs = [0, 1, 2, 3, 4].map((chunkNo) => jobOf(chunkNo));
    await queue.add(jobs);
    expect(await queue.depth()).toBe(5);
    const recorder = createRecorder();
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(5);
    await drained();
    expect(recorder.jobs).toEqual(jobs);
    expect(await queue.knows(jobs.map(jobId))).toEqual(new Set());
    expect(await consumer.close(5_000)).toBe(true);
  });

  test('a job that is there already is not added again', async () => {
    await queue.add([jobOf(0)]);
    await (await queues.open()).add([jobOf(0), jobOf(1)]);
    expect(await queue.depth()).toBe(2);
  });

  test('knows the jobs that wait, are in work, or pause, and no others', async () => {
    let finish: (delivery: Delivery) => void = () => {};
    const recorder = createRecorder((job) => {
      if (job.chunkNo === 1) throw new TypeError('this passes');
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    await queue.add([jobOf(0), jobOf(1)]);
    const consumer = await queue.consume(recorder.process, { concurrency: 2 });
    await recorder.until(2);
    consumer.pause();
    await queue.add([jobOf(2)]);
    const ids = [0, 1, 2, 3].map((chunkNo) => jobId(jobOf(chunkNo)));
    expect(await queue.knows(ids)).toEqual(new Set(ids.slice(0, 3)));
    expect(await queue.depth()).toBe(3);
    finish('done');
    await consumer.close(5_000);
  });

  test('works on as many jobs at a time as it is told', async () => {
    let now = 0;
    let most = 0;
    const bothIn: (() => void)[] = [];
    const recorder = createRecorder(async (job): Promise<Delivery> => {
      now += 1;
      most = Math.max(most, now);
      // The first two can only go on together.
      if (job.chunkNo < 2) {
        await new Promise<void>((resolve) => {
          bothIn.push(resolve);
          if (bothIn.length === 2) for (const go of bothIn) go();
        });
      }
      now -= 1;
      return 'done';
    });
    await queue.add([0, 1, 2, 3, 4, 5].map((chunkNo) => jobOf(chunkNo)));
    const consumer = await queue.consume(recorder.process, { concurrency: 2 });
    await recorder.until(6);
    await consumer.close(5_000);
    expect(most).toBe(2);
  });

  test('a job that was handed back is delivered again, to another consumer when the first one closes', async () => {
    await queue.add([jobOf(0)]);
    let closing: Promise<boolean> | undefined;
    const first = createRecorder(() => {
      closing = consumer.close(5_000);
      return 'again';
    });
    const consumer = await queue.consume(first.process, { concurrency: 1 });
    await first.until(1);
    expect(await closing).toBe(true);
    expect(first.jobs).toHaveLength(1);
    const second = createRecorder();
    const other = await (await queues.open()).consume(second.process, { concurrency: 1 });
    await second.until(1);
    expect(second.jobs).toEqual([jobOf(0)]);
    await drained();
    await other.close(5_000);
  });

  test('a job that is for later goes behind all that wait', async () => {
    const others = Array.from({ length: 6 }, (_, n) => jobOf(n, 'rothers1'));
    const ours = [jobOf(0), jobOf(1)];
    await queue.add([...others, ...ours]);
    const recorder = createRecorder((job) => (job.runId === 'rothers1' ? 'later' : 'done'));
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(12);
    await consumer.close(5_000);
    // One turn of the others before ours, and the same turn again after them, in their order.
    expect(recorder.jobs.slice(0, 12)).toEqual([...others, ...ours, ...others.slice(0, 4)]);
    expect(await queue.depth()).toBe(6);
    const second = createRecorder();
    const worker = await (await queues.open()).consume(second.process, { concurrency: 1 });
    await second.until(6);
    await drained();
    expect(second.jobs.toSorted((a, b) => a.chunkNo - b.chunkNo)).toEqual(others);
    await worker.close(5_000);
  });

  test('a job that failed for now is tried again, and the log has no word of the error that is not ours', async () => {
    await queue.add([jobOf(0)]);
    const recorder = createRecorder((_, times) => {
      if (times === 1) JSON.parse('{"text": secret comment}');
      return 'done';
    });
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(2);
    await drained();
    await consumer.close(5_000);
    const logged = JSON.stringify(queues.log.entries);
    expect(logged).toContain('SyntaxError');
    expect(logged).not.toContain('secret');
  });

  test('a job that can never succeed is put aside, and can be removed and added again', async () => {
    await queue.add([jobOf(0)]);
    const recorder = createRecorder((_, times) => {
      if (times === 1) throw new UsageError('the chunk is not what it should be');
      return 'done';
    });
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(1);
    await drained();
    const id = jobId(jobOf(0));
    await vi.waitFor(async () => expect(await queue.knows([id])).toEqual(new Set()), NOTHING_LEFT);
    await queue.remove([id]);
    await queue.add([jobOf(0)]);
    await recorder.until(2);
    await drained();
    await consumer.close(5_000);
  });

  test('a paused consumer takes no job until it goes on', async () => {
    const recorder = createRecorder();
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await queue.add([jobOf(0)]);
    await recorder.until(1);
    consumer.pause();
    await queue.add([1, 2, 3, 4, 5, 6].map((chunkNo) => jobOf(chunkNo)));
    const other = createRecorder();
    const otherConsumer = await (await queues.open()).consume(other.process, { concurrency: 1 });
    // A fetch that was under way when it was paused may still bring one job.
    await other.until(5);
    await drained();
    expect(recorder.jobs.length).toBeLessThanOrEqual(2);
    await otherConsumer.close(5_000);
    consumer.resume();
    await queue.add([jobOf(7)]);
    await vi.waitFor(() => expect(recorder.jobs).toContainEqual(jobOf(7)), NOTHING_LEFT);
    await consumer.close(5_000);
  });

  test('closing does not wait for a job longer than its deadline', async () => {
    await queue.add([jobOf(0)]);
    const recorder = createRecorder(() => new Promise(() => {}));
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(1);
    expect(await consumer.close(50)).toBe(false);
    expect(await queue.depth()).toBe(1);
  });

  test('removing a job that is in work, or none, does no harm', async () => {
    let finish: (delivery: Delivery) => void = () => {};
    const recorder = createRecorder(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    await queue.add([jobOf(0)]);
    const consumer = await queue.consume(recorder.process, { concurrency: 1 });
    await recorder.until(1);
    await queue.remove([jobId(jobOf(0)), 'rtesting-99']);
    await queue.add([jobOf(0)]);
    finish('done');
    await drained();
    expect(await consumer.close(5_000)).toBe(true);
    expect(recorder.jobs).toHaveLength(1);
  });
}
