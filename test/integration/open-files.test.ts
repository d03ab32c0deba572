import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { LEAST_OPEN_FILES } from '../../src/cli/open-files.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** A command of a process that may open this many files. */
function under(limit: number, ...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const command = promisify(execFile)('/bin/sh', [
    '-c',
    `ulimit -n ${limit}; exec "$@"`,
    'sh',
    process.execPath,
    MAIN,
    ...args,
  ]);
  return command.then(
    (printed) => ({ ...printed, code: 0 }),
    (error) => error,
  );
}

describe.skipIf(process.platform === 'win32')('a limit of open files', () => {
  test.each([24, 32, LEAST_OPEN_FILES - 1])('of %i is too low, and is said to be, in one sentence', async (limit) => {
    const { code, stdout, stderr } = await under(limit, 'status');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(
        `^detoxq: this process may open ${limit} files, and needs ${LEAST_OPEN_FILES}: .*ulimit -n 1024.*\\n$`,
      ),
    );
  });

  test('that is enough is no matter, and help is always given', async () => {
    expect((await under(LEAST_OPEN_FILES, 'models', 'list')).code).toBe(0);
    expect((await under(32, '--version')).code).toBe(0);
  });
});
