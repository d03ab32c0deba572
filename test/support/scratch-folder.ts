import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MADE = 'DETOXQ_TEST_FOLDER';

/**
 * A temporary folder for the whole test run, in TMPDIR: `os.tmpdir()` of every test is in it.
 * A shell removes it when the run ends, also when that is killed: the pipe between them breaks.
 */
export async function setup(): Promise<() => Promise<void>> {
  // Each project of the configuration comes here: one in another would make paths too long for sockets.
  if (process.env[MADE] !== undefined) return async () => {};
  const before = process.env.TMPDIR;
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-test-'));
  // Tests of root start servers as other users, who must get through.
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
  process.env[MADE] = folder;
  // Node keeps what it made of the sources: a command that starts takes a third of the CPU time.
  process.env.NODE_COMPILE_CACHE = join(folder, 'node');
  // Services that were killed with the run take a moment to end, and write meanwhile.
  const script = 'cat > /dev/null; for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$0" && break; sleep 1; done';
  const remover = spawn('/bin/sh', ['-c', script, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  return async () => {
    delete process.env[MADE];
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    const removed = once(remover, 'exit');
    remover.stdin.end();
    await removed;
  };
}
