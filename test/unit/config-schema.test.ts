import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { UsageError } from '../../src/contract/errors.ts';

test.each([
  'Team',
  'team-one',
  '"team"',
  'team one',
  'pg_team',
  'information_schema',
  'detoxq_queue',
  'team_jobs',
  '1team',
  '_team',
  't'.repeat(49),
])('DETOXQ_SCHEMA=%s is refused', (name) => {
  expect(() => readConfig({ DETOXQ_SCHEMA: name })).toThrow(UsageError);
  expect(() => readConfig({ DETOXQ_SCHEMA: name })).toThrow('DETOXQ_SCHEMA must be a name of a-z, 0-9 and _');
});

test.each(['detoxq', 'public', 'team_2', 't'.repeat(48)])('DETOXQ_SCHEMA=%s is taken', (name) => {
  expect(readConfig({ DETOXQ_SCHEMA: name }).schema).toBe(name);
});

test('unset and empty are the same', () => {
  expect(readConfig({}).schema).toBeUndefined();
  expect(readConfig({ DETOXQ_SCHEMA: '' }).schema).toBeUndefined();
});
