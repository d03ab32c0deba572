import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { requireAllowedFolder } from '../../../src/app/checkpoints.ts';

const folder = mkdtempSync(join(tmpdir(), 'detoxq-allowed-'));
const models = join(folder, 'models');
const elsewhere = join(folder, 'elsewhere');
for (const path of [join(models, 'mine'), join(folder, 'models-of-others'), elsewhere]) {
  mkdirSync(path, { recursive: true });
}
symlinkSync(elsewhere, join(models, 'link'));
symlinkSync(models, join(folder, 'other-name'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['models/mine', 'models'],
  ['models', 'models'],
  ['models/not-there', 'models'],
  ['other-name/mine', 'models'],
  ['models/mine', 'other-name'],
  ['models/link', 'elsewhere'],
])('a worker may open %s when it is told %s', (name, allowed) => {
  expect(() => requireAllowedFolder(join(folder, name), ['/nowhere', join(folder, allowed)])).not.toThrow();
});

test.each([
  'models/..',
  'models/../elsewhere',
  'models/mine/../../elsewhere',
  'models/link',
  'models-of-others',
  'not-there',
])('%s leads out of the folder that it is told', (name) => {
  expect(() => requireAllowedFolder(`${folder}/${name}`, [models])).toThrow(/DETOXQ_CHECKPOINTS/);
});

test('a relative name is meant from the working folder', () => {
  expect(() => requireAllowedFolder('models/nano-bart', [process.cwd()])).not.toThrow();
  expect(() => requireAllowedFolder('../../../etc', [process.cwd()])).toThrow('which a worker opens only');
});
