import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/contract/errors.ts';
import { checkOutput } from '../../../src/report/output-place.ts';
import { writeWholeFile } from '../../../src/report/whole-file.ts';
import { canMount, mountSmallDisk } from '../../support/small-disk.ts';

let folder: string;
let source: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'detoxq-output-')));
  source = join(folder, 'comments.csv');
  writeFileSync(source, 'text\nhello\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function refusal(path: string, kept: readonly string[] = [source]): Promise<string> {
  const before = readdirSync(folder);
  const error = await checkOutput(
    '--out',
    path,
    kept.map((one) => ({ path: one, what: 'a file that is read' })),
  ).catch((caught: unknown) => caught);
  expect(readdirSync(folder)).toEqual(before);
  if (error === undefined) return 'allowed';
  expect(error).toBeInstanceOf(UsageError);
  return error instanceof Error ? error.message : '';
}

describe('an output', () => {
  test('may be a new file, or replace one that is not a source', async () => {
    expect(await refusal(join(folder, 'new.csv'))).toBe('allowed');
    writeFileSync(join(folder, 'old.csv'), 'old');
    expect(await refusal(join(folder, 'old.csv'))).toBe('allowed');
    expect(readFileSync(join(folder, 'old.csv'), 'utf8')).toBe('old');
  });

  test('may not be a source, by whatever name', async () => {
    const is = 'this is a file that is read';
    symlinkSync(source, join(folder, 'link.csv'));
    symlinkSync('link.csv', join(folder, 'link-to-link.csv'));
    linkSync(source, join(folder, 'hard.csv'));
    symlinkSync('.', join(folder, 'here'));
    expect(await refusal(source)).toContain(is);
    expect(await refusal(`${folder}/../${folder.split('/').at(-1)}/./comments.csv`)).toContain(is);
    expect(await refusal(join(folder, 'link.csv'))).toContain(`${is} (${source})`);
    expect(await refusal(join(folder, 'link-to-link.csv'))).toContain(is);
    expect(await refusal(join(folder, 'hard.csv'))).toContain(is);
    expect(await refusal(join(folder, 'here', 'here', 'comments.csv'))).toContain(is);
    expect(await refusal(source, [join(folder, 'here', 'link.csv')])).toContain(is);
  });

  test('may not take the place of a source that is not there at the moment', async () => {
    expect(await refusal(join(folder, 'gone.csv'), [join(folder, '.', 'gone.csv')])).toContain('a file that is read');
    expect(await refusal(join(folder, 'other.csv'), [join(folder, 'no', 'gone.csv')])).toBe('allowed');
  });

  test('may not be what an earlier run has read, as long as it is that file', async () => {
    const { size, mtime } = statSync(source);
    const recorded = { sizeBytes: size, modifiedAt: mtime.toISOString() };
    const read = { path: join(folder, 'current.csv'), what: 'a source of run r1', recorded, byRecordAlone: true };
    await expect(checkOutput('--out', source, [read])).rejects.toThrow(
      /this is a source of run r1 \(.*current\.csv\)\. Name another file, or move this one away first/,
    );
    // Written anew since then, it is another one.
    const other = { ...read, path: source, recorded: { ...recorded, sizeBytes: size + 1 } };
    await expect(checkOutput('--out', source, [other])).resolves.toBeUndefined();
  });

  test('may not replace a file in a folder that is kept, but may join it', async () => {
    const checkpoint = join(folder, 'checkpoint');
    mkdirSync(checkpoint);
    writeFileSync(join(checkpoint, 'README.md'), '# model');
    expect(await refusal(join(checkpoint, 'README.md'), [checkpoint])).toContain('a file that is read');
    expect(await refusal(join(checkpoint, 'report.md'), [checkpoint])).toBe('allowed');
    expect(await refusal(join(folder, 'comments.csv'), [checkpoint])).toBe('allowed');
  });

  test('is a file', async () => {
    mkdirSync(join(folder, 'folder.csv'));
    symlinkSync('loop.csv', join(folder, 'loop.csv'));
    spawnSync('mkfifo', [join(folder, 'pipe.csv')]);
    expect(await refusal(join(folder, 'folder.csv'))).toContain('this is a folder');
    expect(await refusal(`${join(folder, 'new.csv')}/`)).toContain('this is a folder');
    expect(await refusal(join(folder, 'pipe.csv'))).toContain('this is a pipe or a device');
    expect(await refusal(join(folder, 'loop.csv'))).toContain('links lead in a circle');
    for (const path of ['-', '/dev/stdout', '/dev/null']) expect(await refusal(path)).toContain('Name a file');
    expect(await refusal('')).toBe('--out names no file.');
  });

  test('lies in a folder that is there and takes it', async () => {
    expect(await refusal(join(folder, 'no', 'new.csv'))).toContain(`there is no folder ${join(folder, 'no')}`);
    expect(await refusal(join(source, 'new.csv'))).toContain('a part of the path is not a folder');
    expect(await refusal(join(folder, `${'n'.repeat(300)}.csv`))).toContain('the name is too long');
    expect(await refusal(join(folder, `${'n'.repeat(250)}.csv`))).toBe('allowed');
  });

  test.skipIf(process.getuid?.() === 0)('lies where this user may write', async () => {
    mkdirSync(join(folder, 'closed'), { mode: 0o500 });
    writeFileSync(join(folder, 'kept.csv'), '', { mode: 0o400 });
    expect(await refusal(join(folder, 'closed', 'new.csv'))).toContain('no permission');
    expect(await refusal(join(folder, 'kept.csv'))).toContain('cannot be replaced: no permission');
  });

  test.skipIf(!canMount)('lies on a disk that can be written', async () => {
    const disk = mountSmallDisk('64k');
    try {
      spawnSync('mount', ['-o', 'remount,ro', disk.folder]);
      expect(await refusal(join(disk.folder, 'new.csv'))).toContain('the file system is read-only');
    } finally {
      disk.remove();
    }
  });
});

describe('a whole file', () => {
  const write = (path: string, content: string) => writeWholeFile(path, (file) => file.writeFile(content));

  test('goes where a link leads, and keeps the permissions of what it replaces', async () => {
    const private_ = join(folder, 'private.csv');
    writeFileSync(private_, 'old');
    chmodSync(private_, 0o640);
    symlinkSync('private.csv', join(folder, 'link.csv'));
    await write(join(folder, 'link.csv'), 'new');
    expect(readFileSync(private_, 'utf8')).toBe('new');
    expect(statSync(private_).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder).sort()).toEqual(['comments.csv', 'link.csv', 'private.csv']);
    symlinkSync('later.csv', join(folder, 'dangling.csv'));
    await write(join(folder, 'dangling.csv'), 'new');
    expect(readFileSync(join(folder, 'later.csv'), 'utf8')).toBe('new');
  });

  test.skipIf(!canMount)('leaves what was there when the disk gets full, and nothing else', async () => {
    const disk = mountSmallDisk('128k');
    try {
      const path = join(disk.folder, 'out.csv');
      await write(path, 'old');
      await expect(write(path, 'x'.repeat(500_000))).rejects.toThrow(
        /^Cannot write .*out\.csv: no space is left on the disk \(\d+ kB free\)\. What was there before is as it was\.$/,
      );
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(disk.folder)).toEqual(['out.csv']);
    } finally {
      disk.remove();
    }
  });

  test('leaves nothing when a signal ends the process', () => {
    const program = `
      import { writeWholeFile } from ${JSON.stringify(new URL('../../../src/report/whole-file.ts', import.meta.url).href)};
      await writeWholeFile(${JSON.stringify(join(folder, 'out.csv'))}, async (file) => {
        await file.writeFile('half');
        process.kill(process.pid, 'SIGINT');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
    expect(signal).toBe('SIGINT');
    expect(readdirSync(folder)).toEqual(['comments.csv']);
  });
});
