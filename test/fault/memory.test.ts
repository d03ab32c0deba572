import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cliEnvironment, ROOT } from '../support/cli.ts';
import { inForm, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

/*
 * 22: allocations fail. Whoever needs more than there is ends, and never stands still or writes something else; what it had
 * in work comes to its end elsewhere.
 */
const suite = test.skipIf(!canStartRedis);

/** Of the JavaScript heap, in MB: from too little to start to enough. */
const HEAPS = inForm([8, 12, 16, 20, 24, 28, 32, 40, 64], [12, 20, 40]);
const heap = (megabytes: number) => ({ NODE_OPTIONS: `--max-old-space-size=${megabytes}` });

suite('22: a producer with too little heap ends, and another reads on', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(20_000, 2_000));
  const starved: number[] = [];
  for (const megabytes of HEAPS) {
    const name = `heap-${megabytes}`;
    const end = await cluster.cli(['enqueue', rows.file, '--name', name], heap(megabytes));
    if (end.code !== 0) {
      starved.push(megabytes);
      expect(end.stderr).toContain('heap out of memory');
    }
    const [run] = await cluster.database.query<{ id: string }>('SELECT id FROM detoxq.runs WHERE name = $1', [name]);
    if (run === undefined) {
      expect(end.code).not.toBe(0);
      continue;
    }
    expect((await cluster.readOn(run.id).ended).code).toBe(0);
    const worker = await cluster.worker();
    await cluster.untilDone(run.id);
    await worker.kill();
    await cluster.expectWhole(run.id, rows);
  }
  expect(starved.length).toBeGreaterThan(0);
  expect(starved.length).toBeLessThan(HEAPS.length);
});

suite('22: workers with too little heap end, and another one finishes what they had', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(20_000, 1_000));
  const run = await cluster.enqueue(rows.file, { chunkRows: 64 });
  let starved = 0;
  for (const megabytes of HEAPS) {
    const worker = cluster.startWorker({ lockMs: 3_000, rowMs: 1 }, heap(megabytes));
    const ended = worker.ended.then(({ stderr }) => stderr);
    const said = await Promise.race([ended, cluster.untilDone(run).then(() => null)]);
    if (said === null) break;
    starved += 1;
    expect(said).toContain('heap out of memory');
  }
  expect(starved).toBeGreaterThan(0);
  const worker = await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  expect(worker.child.exitCode).toBeNull();
});

/** A process may have so many kilobytes of address space. */
async function limited(kilobytes: number, args: readonly string[], home: string) {
  const line = `ulimit -c 0 && ulimit -v ${kilobytes} && exec "$0" src/cli/main.ts "$@"`;
  const child = spawn('/bin/bash', ['-c', line, process.execPath, ...args], {
    cwd: ROOT,
    env: cliEnvironment({ DETOXQ_HOME: home }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr };
}

test.skipIf(process.platform !== 'linux')(
  '22: models with too little address space: the right scores, or none',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'fault-memory-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const score = ['models', 'score', 'nano-bert', 'you are a fool'];
    const wanted = await limited(64 * 2 ** 20, score, home);
    expect(wanted.code, wanted.stderr).toBe(0);
    let starved = 0;
    for (const megabytes of inForm([1_000, 1_200, 1_400, 1_500, 1_600, 1_700, 1_800, 2_000], [1_100, 1_500, 1_700])) {
      const end = await limited(megabytes * 1_024, score, home);
      if (end.code === 0) expect(end.stdout).toBe(wanted.stdout);
      else {
        starved += 1;
        expect(end.stdout).toBe('');
        // V8 may end the process by a signal before it can print.
        if (end.signal === null) expect(end.stderr).not.toBe('');
        expect(end.code === null || end.code > 0).toBe(true);
      }
    }
    expect(starved).toBeGreaterThan(0);
  },
);
