import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { type FaultCluster, inForm, startCluster } from '../support/fault-cluster.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { canStartRedis, startPrivateRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);

/** Resolves when a tenth of the run is done, so that what comes now comes in the middle. */
async function underWay(cluster: FaultCluster, run: string): Promise<void> {
  await cluster.until('a part of the run', async () => {
    const { done, all } = await cluster.counts(
      "SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) AS all FROM chunks WHERE run_id = $1",
      [run],
    );
    return (done ?? 0) * 10 >= (all ?? 0);
  });
}

suite('5: Redis killed without having saved anything', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  await cluster.worker({ rowMs: 4 });
  for (let time = 0; time < inForm(3, 1); time += 1) {
    await underWay(cluster, run);
    await cluster.redis.kill();
    await cluster.redis.restart();
  }
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('5: FLUSHALL', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  const admin = new Redis(cluster.redis.url);
  onTestFinished(() => admin.disconnect());
  await cluster.worker({ rowMs: 4 });
  for (let time = 0; time < inForm(3, 2); time += 1) {
    await underWay(cluster, run);
    await admin.flushall();
  }
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('5: Redis over its memory limit: no hot loop, and work goes on when there is room', async () => {
  const cluster = await startCluster(['--maxmemory-policy', 'noeviction']);
  const rows = await cluster.rows(inForm(1_600, 640));
  const run = await cluster.enqueue(rows.file);
  const admin = new Redis(cluster.redis.url);
  onTestFinished(() => admin.disconnect());
  const worker = await cluster.worker({ rowMs: 4 });
  await underWay(cluster, run);
  await admin.config('SET', 'maxmemory', '1');
  const refused = async () => Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0);
  const startedMs = performance.now();
  await cluster.until('some refusals', async () => (await refused()) >= 8);
  // Jobs in work complete once each; without pauses there are about 7,000 refusals a second.
  await cluster.until('a while', () => performance.now() - startedMs > inForm(20_000, 3_000));
  expect((await refused()) / ((performance.now() - startedMs) / 1_000)).toBeLessThan(40);
  expect(worker.child.exitCode).toBeNull();
  await admin.config('SET', 'maxmemory', '0');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('5: Redis fails over to an empty replica', async () => {
  const cluster = await startCluster();
  const replica = await startPrivateRedis();
  onTestFinished(() => replica.remove());
  const admin = new Redis(replica.url);
  onTestFinished(() => admin.disconnect());
  await admin.replicaof('127.0.0.1', 1);
  const proxy = await startFaultProxy(cluster.redis.port);
  onTestFinished(() => proxy.close());
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker({ rowMs: 4, redisUrl: `redis://127.0.0.1:${proxy.port}` });
  await underWay(cluster, run);
  proxy.retarget(replica.port);
  await cluster.redis.kill();
  // Not promoted yet: it refuses to be written.
  await worker.stderrMatches(/it is a replica/);
  await admin.replicaof('NO', 'ONE');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});
