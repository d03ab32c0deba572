import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { type DetoxqError, ServiceError } from '../../../src/contract/errors.ts';
import { isRolledBack } from '../../../src/store/passing-faults.ts';
import { translatePostgresError } from '../../../src/store/postgres-errors.ts';

function errorOf(code: string, message = 'as Postgres says it', severity = 'ERROR'): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(message, 0, 'error'), { code, severity });
}

const translated = (error: unknown): DetoxqError => translatePostgresError(error, 'host:5432/db', true);

/** Every class of the appendix "PostgreSQL Error Codes", with states that stand for it: those that pass, and those that do not. */
const CLASSES: Readonly<Record<string, { passing?: readonly string[]; refused?: readonly string[] }>> = {
  '03': { refused: ['03000'] },
  '08': { passing: ['08000', '08001', '08003', '08004', '08006', '08007'], refused: ['08P01'] },
  '09': { refused: ['09000'] },
  '0A': { refused: ['0A000'] },
  '0B': { refused: ['0B000'] },
  '0F': { refused: ['0F000', '0F001'] },
  '0L': { refused: ['0L000', '0LP01'] },
  '0P': { refused: ['0P000'] },
  '0Z': { refused: ['0Z000', '0Z002'] },
  '20': { refused: ['20000'] },
  '21': { refused: ['21000'] },
  '22': { refused: ['22000', '22001', '22003', '22021', '22P02', '22P05'] },
  '23': { refused: ['23000', '23502', '23503', '23505', '23514', '23P01'] },
  '24': { refused: ['24000'] },
  '25': {
    passing: ['25006', '25P02', '25P03', '25P04'],
    refused: ['25000', '25001', '25002', '25003', '25004', '25005', '25007', '25008', '25P01'],
  },
  '26': { refused: ['26000'] },
  '27': { refused: ['27000'] },
  '28': { passing: ['28000', '28P01'] },
  '2B': { refused: ['2B000', '2BP01'] },
  '2D': { refused: ['2D000'] },
  '2F': { refused: ['2F000', '2F002', '2F003', '2F004', '2F005'] },
  '34': { refused: ['34000'] },
  '38': { refused: ['38000', '38001', '38004'] },
  '39': { refused: ['39000', '39001', '39P01'] },
  '3B': { refused: ['3B000', '3B001'] },
  '3D': { passing: ['3D000'] },
  '3F': { refused: ['3F000'] },
  '40': { passing: ['40000', '40001', '40002', '40003', '40P01'] },
  '42': { refused: ['42000', '42501', '42601', '42703', '42804', '42P01', '42P07'] },
  '44': { refused: ['44000'] },
  '53': { passing: ['53000', '53100', '53200', '53300', '53400'] },
  '54': { refused: ['54000', '54001', '54011', '54023'] },
  '55': { passing: ['55006', '55P03'], refused: ['55000', '55P02', '55P04'] },
  '57': { passing: ['57000', '57014', '57P01', '57P02', '57P03', '57P04', '57P05', '57PDQ'] },
  '58': { passing: ['58000', '58030', '58P01', '58P02'] },
  '72': { passing: ['72000'] },
  F0: { refused: ['F0000', 'F0001'] },
  HV: { refused: ['HV000', 'HV00N'] },
  P0: { refused: ['P0000', 'P0001', 'P0002', 'P0003', 'P0004'] },
  XX: { refused: ['XX000', 'XX001', 'XX002'] },
};

describe.each(Object.entries(CLASSES))('class %s', (classOf, { passing = [], refused = [] }) => {
  test('has states of its own here', () => {
    for (const code of [...passing, ...refused]) expect(code.slice(0, 2)).toBe(classOf);
  });
  test.each(passing)('%s passes', (code) => expect(translated(errorOf(code))).toBeInstanceOf(ServiceError));
  test.each(refused)('%s does not pass', (code) => expect(translated(errorOf(code))).not.toBeInstanceOf(ServiceError));
  // The session ended: whatever the statement was, that was not its fault.
  test.each([...passing, ...refused])('%s passes where it ends the session', (code) =>
    expect(translated(errorOf(code, 'terminating connection', 'FATAL'))).toBeInstanceOf(ServiceError),
  );
});

test.each([
  ['57014', 'canceling statement due to statement timeout', 'longer than statement_timeout allows'],
  ['57014', 'canceling statement due to user request', 'as its administrator or a statement_timeout told it to'],
  ['25P02', 'current transaction is aborted', 'a transaction failed before'],
  ['25P04', 'terminating connection due to transaction timeout', 'transaction_timeout'],
  ['55P03', 'canceling statement due to lock timeout', 'gave up waiting for a lock'],
  ['53200', 'out of shared memory', 'max_locks_per_transaction'],
  ['25006', 'cannot execute UPDATE in a read-only transaction', 'default_transaction_read_only'],
  ['40P01', 'deadlock detected', 'deadlock detected'],
])('%s, "%s", comes with advice', (code, message, advice) => {
  expect(translated(errorOf(code, message)).message).toContain(advice);
});

test.each([
  'query_wait_timeout',
  'no more connections allowed (max_client_conn)',
  'server login failed: server_login_retry',
])('a pooler that says "%s" is named as one', (message) => {
  expect(translated(errorOf('08P01', message, 'FATAL')).message).toContain('the pooler before it');
});

test.each([
  'Query read timeout',
  'Connection terminated unexpectedly',
  'Client has encountered a connection error and is not queryable',
])('what pg says without Postgres passes, with advice: %s', (message) => {
  const error = translated(new Error(message));
  expect(error).toBeInstanceOf(ServiceError);
  expect(error.message).not.toContain(message);
});

test('only what was undone for sure is tried again at once', () => {
  for (const code of ['57014', '40001', '40P01', '25P02']) expect(isRolledBack(errorOf(code))).toBe(true);
  for (const code of ['57P01', '08006', '53100', '55P03', '23505']) expect(isRolledBack(errorOf(code))).toBe(false);
  expect(isRolledBack(errorOf('57014', 'the session ended', 'FATAL'))).toBe(false);
  expect(isRolledBack(new Error('Query read timeout'))).toBe(false);
});

describe('words of a function of the user', () => {
  test.each(['53000', '40000', '58000', 'P0001', 'XX000', '42501', '38000'])(
    '%s: none of them come through',
    (code) => {
      const raised = Object.assign(errorOf(code, 'never SECRET'), { where: 'PL/Python function "refuse"' });
      expect(translated(raised).message).not.toMatch(/SECRET/);
      const inPlpgsql = Object.assign(errorOf(code, 'never SECRET'), { routine: 'exec_stmt_raise' });
      expect(translated(inPlpgsql).message).not.toMatch(/SECRET/);
    },
  );
});
