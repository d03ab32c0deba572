import type { Connection } from './database.ts';

/*
 * Settings that an administrator makes for a role or a database (ALTER ROLE … SET) hold in every session of detoxq. Those
 * that would change the results that are written or read, or end statements, are set as the session starts. Where a pooler
 * refuses that, they are set at the start of each transaction.
 */

interface Setting {
  readonly name: string;
  readonly value: string;
  /** Whether the value in force does the same. Default: it is equal. */
  readonly holds?: (inForce: string) => boolean;
}

/** Settings that decide how values are sent and what SQL means. Other values are not allowed. */
const FIXED: readonly Setting[] = [
  { name: 'DateStyle', value: 'ISO', holds: (inForce) => inForce.startsWith('ISO') },
  { name: 'IntervalStyle', value: 'postgres' },
  // Above 0, a number has the digits that tell it from every other one.
  { name: 'extra_float_digits', value: '1', holds: (inForce) => Number(inForce) > 0 },
  { name: 'bytea_output', value: 'hex' },
  { name: 'client_encoding', value: 'UTF8' },
  // Off, a null in an array is the word "NULL".
  { name: 'array_nulls', value: 'on' },
  { name: 'quote_all_identifiers', value: 'off' },
  { name: 'standard_conforming_strings', value: 'on' },
  { name: 'transform_null_equals', value: 'off' },
  // With a stricter one, statements fail that would only have waited.
  { name: 'default_transaction_isolation', value: 'read committed' },
];

const OFF = '0';

/** Limits on statements. Those of a role are meant for people. DATABASE_URL may set others. */
const LIMITS: readonly Setting[] = ['statement_timeout', 'lock_timeout'].map((name) => ({ name, value: OFF }));

/** Limits on sessions between two statements, meant for people who type statements. */
const IDLE_IN_TRANSACTION: Setting = { name: 'idle_in_transaction_session_timeout', value: OFF };
/** Behind a pooler, the pooler manages idle sessions. */
const IDLE: Setting = { name: 'idle_session_timeout', value: OFF };

/** Since Postgres 17: older servers refuse a session that sets it. */
const NEWER_LIMITS: readonly Setting[] = [{ name: 'transaction_timeout', value: OFF }];

const TIME_ZONE: Setting = { name: 'TimeZone', value: 'UTC' };

export interface SessionWishes {
  /** Settings that DATABASE_URL has in `options`, as `-c name=value`; undefined without. */
  readonly options: string | undefined;
  /** The limits of the role stay in force: for statements that people write. */
  readonly keepLimits: boolean;
}

/** `options` of a session, and undefined for none: as ours go before theirs, DATABASE_URL wins, but for `FIXED`. */
export function startupOptions({ options, keepLimits }: SessionWishes, newer = false): string {
  const limits = keepLimits ? [] : [...LIMITS, ...(newer ? NEWER_LIMITS : [])];
  return [
    ...[TIME_ZONE, IDLE, IDLE_IN_TRANSACTION, ...limits].map(asOption),
    ...(options ? [options] : []),
    ...FIXED.map(asOption),
  ].join(' ');
}

function asOption({ name, value }: Setting): string {
  return `-c ${name}=${value.replaceAll(' ', '\\ ')}`;
}

interface Deviations {
  /** Another try with `startupOptions(…, true)` sets the rest. */
  readonly newerLimit: boolean;
  /** Begins a transaction in which all settings are as they must be; null when they are so in any. */
  readonly begin: string | null;
}

/** Looks which values are in force in a session that was opened: a pooler may have passed over what it was given. */
export async function readDeviations(
  query: Connection['query'],
  { options, keepLimits }: SessionWishes,
): Promise<Deviations> {
  const limits = [IDLE_IN_TRANSACTION, ...(keepLimits ? [] : [...LIMITS, ...NEWER_LIMITS])];
  const wanted = [...FIXED, ...limits.filter(({ name }) => !sets(options, name))];
  const rows = await query<{ name: string; value: string | null }>(
    'SELECT name, pg_catalog.current_setting(name, true) AS value FROM pg_catalog.unnest($1::pg_catalog.text[]) AS wanted (name)',
    [wanted.map(({ name }) => name)],
  );
  const inForce = new Map(rows.map(({ name, value }) => [name, value]));
  const off = wanted.filter(({ name, value, holds = (found) => found === value }) => {
    const found = inForce.get(name) ?? null;
    // This server has no such setting.
    return found !== null && !holds(found);
  });
  return {
    newerLimit: off.length > 0 && off.every((each) => NEWER_LIMITS.includes(each)),
    begin: off.length === 0 ? null : beginWith(off),
  };
}

const ISOLATION = 'default_transaction_isolation';

function beginWith(settings: readonly Setting[]): string {
  const isolation = settings.some(({ name }) => name === ISOLATION) ? ' ISOLATION LEVEL READ COMMITTED' : '';
  const local = settings
    .filter(({ name }) => name !== ISOLATION)
    .map(({ name, value }) => `SET LOCAL ${name} = '${value}'`);
  return [`BEGIN${isolation}`, ...local].join('; ');
}

function sets(options: string | undefined, name: string): boolean {
  const said = new RegExp(`(?:-c\\s*|--)${name.replaceAll('_', '[_-]')}\\s*=`, 'i');
  return options !== undefined && said.test(options);
}

/** Whether a session was refused for its `options`: by a pooler that has no such thing, or for a setting that is unknown. */
export function refusesOptions(error: unknown): boolean {
  if (!(error instanceof Error) || !('severity' in error) || error.severity !== 'FATAL') return false;
  return /startup parameter|command-line options|configuration parameter/i.test(error.message);
}
