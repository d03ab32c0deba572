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
  expect(readConfig({ DATABASE_URL: '  ', REDIS_URL: '\t' })).toMatchObject({
    databaseUrl: undefined,
    redisUrl: undefined,
  });
});

test.each([
  ['redis://h:1/2', 'redis://:p%40%25@h:1/2'],
  ['redis://u@h', 'redis://u:p%40%25@h'],
  ['redis://:own@h', 'redis://:own@h'],
])('REDIS_PASSWORD is put into %s where it has none', (address, expected) => {
  expect(readConfig({ REDIS_URL: address, REDIS_PASSWORD: 'p@%' }).redisUrl).toBe(expected);
});

test('spaces may be a password', () => {
  expect(readConfig({ DATABASE_URL: 'postgres://u@h/d', PGPASSWORD: ' ' }).databaseUrl).toContain('password=%20');
});

test.each([
  ['DETOXQ_SCHEMA', 'Team', 'DETOXQ_SCHEMA must be a name of a-z, 0-9 and _ (at most 48 characters, a letter first)'],
  ['DETOXQ_QUEUE', 'Team', 'DETOXQ_QUEUE must be a name of a-z, 0-9, _ and - (at most 41 characters, a letter first)'],
  ['DETOXQ_DRAIN_SECONDS', 'x', 'DETOXQ_DRAIN_SECONDS must be a number of seconds from 0 to 3600.'],
  ['DETOXQ_DRAIN_SECONDS', '-1', 'DETOXQ_DRAIN_SECONDS must be a number of seconds from 0 to 3600.'],
  ['DETOXQ_DRAIN_SECONDS', '3601', 'DETOXQ_DRAIN_SECONDS must be a number of seconds from 0 to 3600.'],
  ['DETOXQ_LOG_LEVEL', 'x', 'DETOXQ_LOG_LEVEL must be one of trace, debug, info, warn, error, silent.'],
])('%s=%s is refused in words of ours', (name, value, expected) => {
  expect(() => readConfig({ [name]: value })).toThrow(`The environment has a setting that cannot be used. ${expected}`);
});
