import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freeBytes } from '../../../src/contract/file-errors.ts';
import { makeFolder } from '../../../src/contract/make-folder.ts';
import { makeStateFolder, servicesFolder } from '../../../src/services/folder.ts';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-make-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('makes what is missing, with its mode, and is content with what is there', () => {
  const folder = join(scratch(), 'a', 'b');
  makeFolder(folder, 0o700);
  makeFolder(folder, 0o700);
  expect([folder, join(folder, '../..')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
});

test('follows a link to a folder', () => {
  const folder = scratch();
  symlinkSync(folder, join(folder, 'link'));
  makeFolder(join(folder, 'link', 'a'));
  makeFolder(join(folder, 'link'));
  expect(existsSync(join(folder, 'a'))).toBe(true);
});

test('fails where a file, or a link to nothing, is in the way', () => {
  const folder = scratch();
  writeFileSync(join(folder, 'file'), '');
  symlinkSync(join(folder, 'nothing'), join(folder, 'link'));
  expect(() => makeFolder(join(folder, 'file'))).toThrow('EEXIST');
  expect(() => makeFolder(join(folder, 'file', 'a'))).toThrow('ENOTDIR');
  expect(() => makeFolder(join(folder, 'link', 'a'))).toThrow('EEXIST');
});

test.skipIf(process.platform !== 'linux')('a home where the system takes no folders fails, once, with advice', () => {
  // Node's own way to make several folders does not come back from here.
  expect(() => makeStateFolder(servicesFolder('/proc/detoxq-home'))).toThrow(
    /^The folder \/proc\/detoxq-home\/services cannot be written: no such file or folder\. Give DETOXQ_HOME a folder/,
  );
  // It has no disk that could be full.
  expect(freeBytes('/proc/detoxq-home')).toBeNull();
});
