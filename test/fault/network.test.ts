import { expect, onTestFinished, test } from 'vitest';
import { type FaultCluster, inForm, startCluster } from '../support/fault-cluster.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);
const CHUNKS = "SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) AS all FROM chunks";

async function throughProxies(
  cluster: FaultCluster,
): Promise<{ postgres: FaultProxy; redis: FaultProxy; urls: { databaseUrl: string; redisUrl: string } }> {
  const postgres = await startFaultProxy(cluster.postgres.port);
  const redis = await startFaultProxy(cluster.redis.port);
  onTestFinished(async () => {
    await postgres.close();
    await redis.close();
  });
  const databaseUrl = new URL(cluster.postgres.url);
  databaseUrl.port = String(postgres.port);
  return { postgres, redis, urls: { databaseUrl: databaseUrl.href, redisUrl: `redis://127.0.0.1:${redis.port}` } };
}

suite.each(['postgres', 'redis'] as const)(
  '10: the network between workers and %s is cut, slow, and half open',
  async (service) => {
    const cluster = await startCluster();
    const proxies = await throughProxies(cluster);
    const proxy = proxies[service];
    const rows = await cluster.rows(inForm(4_000, 960));
    const run = await cluster.enqueue(rows.file);
    const worker = await cluster.worker({ rowMs: 3, answerTimeoutMs: inForm(60_000, 2_500), ...proxies.urls });
    const done = async () => (await cluster.counts(CHUNKS)).done ?? 0;
    const chunks = rows.rows.length / 16;
    await cluster.until('a tenth', async () => (await done()) >= chunks / 10);
    proxy.cut();
    await worker.stderrMatches(/cannot be used/);
    proxy.mend();
    await cluster.until('a third', async () => (await done()) >= chunks / 3);
    proxy.delay(inForm(200, 50));
    await cluster.until('a half', async () => (await done()) >= chunks / 2);
    proxy.mend();
    const connections = proxy.connections();
    proxy.halfOpen();
    await cluster.until('another connection', () => proxy.connections() > connections);
    await cluster.untilDone(run);
    await cluster.expectWhole(run, rows);
    expect(worker.child.exitCode).toBeNull();
  },
);
