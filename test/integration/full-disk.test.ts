import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { cliEnvironment, ROOT, runCli } from '../support/cli.ts';
import { canMount, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';

let disk: SmallDisk | null = null;
afterEach(async () => {
  if (disk === null) return;
  await runCli(['services', 'stop'], homeOn(disk));
  disk.remove();
  disk = null;
});

function homeOn({ folder }: SmallDisk): Record<string, string> {
  return { DETOXQ_HOME: join(folder, 'home') };
}

/** Run with another limit of the shell than the test has. */
async function withLimit(limit: string, args: readonly string[], home: string): Promise<string> {
  const line = `${limit} && exec "$0" src/cli/main.ts "$@"`;
  const child = spawn('/bin/bash', ['-c', line, process.execPath, ...args], {
    cwd: ROOT,
    env: cliEnvironment({ DETOXQ_HOME: home }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  return stderr;
}

describe('a home that is full', { timeout: 120_000 }, () => {
  test('of compiled graphs: the folder, and what to do', async () => {
    const home = mkdtempSync(join(tmpdir(), 'detoxq-limit-'));
    try {
      const said = await withLimit('ulimit -f 100', ['models', 'score', 'nano-bert', 'hi'], home);
      expect(said).toContain(
        `Compiled graphs cannot be written in ${join(home, 'compiled')}: the file would be larger`,
      );
      expect(said).toContain('give DETOXQ_HOME a folder on a disk with more');
      expect(readdirSync(join(home, 'compiled', 'graphs'))).toEqual([]);
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  test.skipIf(!canMount)('by one page: the services say so, and none is left behind', async () => {
    disk = mountSmallDisk('4k');
    chmodSync(disk.folder, 0o711);
    const { code, stderr } = await runCli(['status'], homeOn(disk));
    expect(stderr).toMatch(
      /cannot be started in .*\/home: no space is left on the disk \(0 kB free\)\. Make room there, or give DETOXQ_HOME/,
    );
    expect(code).toBe(1);
    expect((await runCli(['services', 'status'], homeOn(disk))).code).toBe(1);
  });

  test.skipIf(!canMount)('before there is a database: the folder, and how much is free', async () => {
    disk = mountSmallDisk('8m');
    chmodSync(disk.folder, 0o711);
    const { code, stderr } = await runCli(['status'], homeOn(disk));
    expect(stderr).toContain(`cannot make its data folder ${join(disk.folder, 'home', 'postgres')}`);
    expect(stderr).toMatch(/The disk of .*\/home, .* is full \([\d.]+ MB free\): make room there/);
    expect(code).toBe(1);
  });

  test.skipIf(!canMount)('later: the folder of the services', async () => {
    disk = mountSmallDisk('110m');
    chmodSync(disk.folder, 0o711);
    const env = homeOn(disk);
    expect(await runCli(['services', 'start'], env)).toMatchObject({ code: 0 });
    fill(disk.folder);
    const full = await runCli(['run', 'examples/comments.csv', '--limit', '5'], env);
    expect(full.stderr).toMatch(/services cannot be written: no space is left on the disk \(0 kB free\)/);
    expect(full.code).toBe(1);
  });
});

/** Takes what is left. */
function fill(folder: string): void {
  for (let part = 0; ; part++) {
    try {
      writeFileSync(join(folder, `fill-${part}`), Buffer.alloc(1 << 20));
    } catch {
      return;
    }
  }
}
