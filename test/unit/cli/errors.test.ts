import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { failureText } from '../../../src/cli/errors.ts';
import { readConfig } from '../../../src/config.ts';
import { CheckpointError, ServiceError, UsageError } from '../../../src/contract/errors.ts';

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}

describe('an error', () => {
  test('of ours says what it says', () => {
    expect(failureText(new UsageError('no such run'), '1.2.3')).toBe('no such run');
  });

  test.each([
    [
      new UsageError('there is no run x', { code: 'run_not_found', data: { run: 'x' } }),
      'there is no run x: `detoxq status` lists the runs',
    ],
    [
      new ServiceError('this database has no detoxq schema yet', { code: 'schema_missing', data: {} }),
      'this database has no detoxq schema yet: run `detoxq migrate`',
    ],
    [
      new UsageError('bart-base-detox is not on this machine yet.', {
        code: 'checkpoint_not_pulled',
        data: { checkpoint: 'bart-base-detox' },
      }),
      'bart-base-detox is not on this machine yet. Fetch it first: detoxq models pull bart-base-detox',
    ],
    [
      new CheckpointError('it has no weights, which its card does not name', {
        code: 'checkpoint_is_export',
        data: { baseModel: null },
      }),
      'it has no weights, which its card does not name',
    ],
  ])('with a code comes with the command that helps: %s', (error, expected) => {
    expect(failureText(error, '1.2.3')).toBe(expected);
  });

  test('of the system is put into words', () => {
    const error = thrownBy(() => readFileSync('/no/such/file'));
    expect(failureText(error, '1.2.3')).toBe('/no/such/file: no such file or folder (ENOENT in open)');
  });

  test('that no one expected is one line, with the version and without text of rows or passwords', () => {
    const ofText = failureText(
      thrownBy(() => JSON.parse('you idiot')),
      '1.2.3',
    );
    expect(ofText).toMatch(/^a fault in the program, SyntaxError: .*\(detoxq 1\.2\.3, Node v.*Please report this line/);
    expect(ofText).not.toContain('idiot');
    expect(ofText).not.toContain('\n');
    const ofAddress = failureText(new TypeError('cannot open redis://user:secret@host/0\nmore'), '1.2.3');
    expect(ofAddress).toContain('cannot open redis://…@host/0 (detoxq');
    expect(ofAddress).not.toContain('secret');
  });
});

test('an empty variable is one that is not set', () => {
  const names = ['DETOXQ_HOME', 'DETOXQ_QUEUE', 'DETOXQ_DRAIN_SECONDS', 'DETOXQ_LOG_LEVEL', 'DATABASE_URL', 'HF_TOKEN'];
  expect(readConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readConfig({}));
});
