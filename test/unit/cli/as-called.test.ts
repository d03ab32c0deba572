import { afterEach, expect, test, vi } from 'vitest';
import { asCalled } from '../../../src/cli/as-called.ts';

afterEach(() => vi.unstubAllEnvs());

test('commands in messages are called as this one was', () => {
  const message = 'first: detoxq cancel r1, or `npx detoxq verify r1`; detoxq keeps the rest in .detoxq/run';
  vi.stubEnv('npm_command', 'exec');
  expect(asCalled(message)).toBe(
    'first: npx detoxq cancel r1, or `npx detoxq verify r1`; detoxq keeps the rest in .detoxq/run',
  );
  vi.stubEnv('npm_command', undefined);
  expect(asCalled(message)).toBe(message);
});
