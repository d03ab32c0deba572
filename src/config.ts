import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { UsageError } from './contract/errors.ts';
import { parsePostgresAddress } from './contract/postgres-address.ts';
import { parseRedisAddress } from './contract/redis-address.ts';

/** Where the package lies: `migrations/`, `models/` and `package.json` are here. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Of detoxq. */
export const version: string = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))).version;

/** Every setting that comes from the environment. Options of a command override nothing here: they are about a run. */
export interface Config {
  /** `DATABASE_URL`: Postgres to use, with what `PGPASSWORD` or `PGPASSFILE` add; unset means the embedded one. */
  readonly databaseUrl: string | undefined;
  /** `DETOXQ_SCHEMA`: schema of the tables; unset means the one that has them already, else `detoxq`. */
  readonly schema: string | undefined;
  /** `REDIS_URL`: Redis to use, with the password of `REDIS_PASSWORD` where it has none; unset means a private one, or Postgres as the queue where no redis-server is found. */
  readonly redisUrl: string | undefined;
  /** `DETOXQ_HOME`: embedded services, pulled checkpoints, compiled graphs. Default `.detoxq` in the working folder. */
  readonly home: string;
  /** `DETOXQ_CHECKPOINTS`: further folders, separated by `:`, from which `worker` opens checkpoints that runs name by path. */
  readonly checkpointFolders: readonly string[];
  /** `DETOXQ_QUEUE`: name of the queue; workers and producers of one installation share it. Default: its own. */
  readonly queueName: string | undefined;
  /** `DETOXQ_DRAIN_SECONDS`: how long a worker may finish what it has after the first signal. Default 25 s. */
  readonly drainDeadlineMs: number;
  /** `DETOXQ_LOG_LEVEL`: trace, debug, info, warn, error, silent. Default: info for `worker`, warn elsewhere. */
  readonly logLevel: string | undefined;
  /** `PATH`: where redis-server or valkey-server is looked for. */
  readonly searchPath: string;
  /** How this program was called, for the next commands that it names: `npx detoxq` where npx did. */
  readonly command: 'detoxq' | 'npx detoxq';
  /** Where `models pull` finds checkpoints. */
  readonly hub: HubConfig;
}

/** Under the names that Hugging Face's own tools use. Checked where a hub is opened: no other verb minds them. */
export interface HubConfig {
  /** `HF_ENDPOINT`: a hub, or a mirror of one. Default https://huggingface.co. No slash at its end. */
  readonly endpoint: string;
  /** `HF_TOKEN`: for closed repositories. Sent to the endpoint and nowhere else. */
  readonly token: string | undefined;
  /** `HF_HUB_OFFLINE`: 1 forbids every connection. */
  readonly offline: boolean;
  /** `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, in capitals or not, as curl knows them. */
  readonly httpProxy: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly noProxy: string | undefined;
}

const text = z.string().optional();

/** Needs no quotes, and leaves room for the name of the queue's schema. Names that Postgres or a queue uses are refused. */
const SCHEMA_NAME = /^(?!pg_|information_schema$|detoxq_queue$)[a-z][a-z0-9_]{0,47}(?<!_jobs)$/;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
const DRAIN_SECONDS = 'must be a number of seconds from 0 to 3600';

/**
 * Every variable with its meaning and default, for `docs/reference.md` (`scripts/reference.ts`). An error message of a variable
 * follows its name.
 */
export const environment = z.object({
  DATABASE_URL: text.describe('Postgres to use. Default: an embedded one in `DETOXQ_HOME`'),
  PGPASSWORD: text.describe('password of Postgres, where `DATABASE_URL` has none'),
  PGPASSFILE: text.describe('password file of Postgres, where there is no `PGPASSWORD`. Default: `~/.pgpass`'),
  REDIS_URL: text.describe(
    'Redis to use. Default: a private one, or Postgres as the queue where no redis-server is found',
  ),
  REDIS_PASSWORD: text.describe('password of Redis, where `REDIS_URL` has none; not percent-encoded'),
  DETOXQ_HOME: z
    .string()
    .default('.detoxq')
    .describe('folder of embedded services, pulled checkpoints and compiled graphs'),
  DETOXQ_CHECKPOINTS: z
    .string()
    .default('')
    .describe('further folders, separated by `:`, from which `worker` opens checkpoints that runs name by path'),
  DETOXQ_SCHEMA: text
    .refine((value) => value === undefined || SCHEMA_NAME.test(value), {
      error:
        'must be a name of a-z, 0-9 and _ (at most 48 characters, a letter first), ' +
        'neither one of Postgres (pg_…, information_schema) nor one of a queue (…_jobs, detoxq_queue)',
    })
    .describe('schema of the tables. Default: the schema that has them already, else `detoxq`'),
  DETOXQ_QUEUE: text
    .refine((value) => value === undefined || /^[a-z][a-z0-9_-]{0,40}$/.test(value), {
      error: 'must be a name of a-z, 0-9, _ and - (at most 41 characters, a letter first)',
    })
    .describe('name of the queue that workers and producers share. Default: one per installation'),
  DETOXQ_DRAIN_SECONDS: z.coerce
    .number(DRAIN_SECONDS)
    .min(0, DRAIN_SECONDS)
    .max(3600, DRAIN_SECONDS)
    .default(25)
    .describe('time that a worker has for its chunks in work after the first signal, in seconds from 0 to 3600'),
  DETOXQ_LOG_LEVEL: z
    .enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)
    .optional()
    .describe(`${LOG_LEVELS.join(', ')}. Default: \`info\` for \`worker\`, \`warn\` elsewhere`),
  PATH: z.string().default('').describe('where `redis-server` or `valkey-server` is looked for'),
  npm_command: text.describe('set by npx; messages then name the next command as `npx detoxq`'),
  HF_ENDPOINT: text.describe('a model hub, or a mirror of one. Default: `https://huggingface.co`'),
  HF_TOKEN: text.describe('token for closed repositories; sent to the endpoint and nowhere else'),
  HF_HUB_OFFLINE: z.string().default('').describe('`1`, `true`, `yes` or `on` forbids every connection to a hub'),
  HTTP_PROXY: text.describe('proxy for `http:` addresses of a hub, as in curl'),
  HTTPS_PROXY: text.describe('proxy for `https:` addresses of a hub, as in curl'),
  NO_PROXY: text.describe('hosts that are reached without a proxy, as in curl'),
  http_proxy: text.describe('the same as `HTTP_PROXY`, and wins over it'),
  https_proxy: text.describe('the same as `HTTPS_PROXY`, and wins over it'),
  no_proxy: text.describe('the same as `NO_PROXY`, and wins over it'),
});

/** What a terminal is asked for by its user. Read by `terminalConfig`. */
export const terminalEnvironment = z.object({
  NO_COLOR: text.describe('any value: no colours; wins over `FORCE_COLOR`'),
  FORCE_COLOR: text.describe('any value: colours in a pipe, too; `0` or `false`: none. Default: colours on a terminal'),
  TERM: text.describe('`dumb`: plain lines, without a progress bar'),
});

/**
 * Reads the environment. A variable that is empty, or holds spaces alone, counts as not set.
 *
 * @throws UsageError that names the variable and what it must be
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const parsed = environment.safeParse(Object.fromEntries(Object.entries(env).filter(isSet)));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new UsageError(`The environment has a setting that cannot be used. ${problems.join('; ')}.`);
  }
  const values = parsed.data;
  return {
    databaseUrl: readDatabaseUrl(values),
    schema: values.DETOXQ_SCHEMA,
    redisUrl: readRedisUrl(values.REDIS_URL, values.REDIS_PASSWORD),
    home: expandHome(values.DETOXQ_HOME),
    checkpointFolders: values.DETOXQ_CHECKPOINTS.split(delimiter).filter(Boolean).map(expandHome),
    queueName: values.DETOXQ_QUEUE,
    drainDeadlineMs: values.DETOXQ_DRAIN_SECONDS * 1000,
    logLevel: values.DETOXQ_LOG_LEVEL,
    searchPath: values.PATH,
    command: values.npm_command === 'exec' ? 'npx detoxq' : 'detoxq',
    hub: {
      endpoint: (values.HF_ENDPOINT ?? 'https://huggingface.co').replace(/(?<!\/)\/+$/, ''),
      token: values.HF_TOKEN,
      offline: ['1', 'true', 'yes', 'on'].includes(values.HF_HUB_OFFLINE.toLowerCase()),
      httpProxy: values.http_proxy ?? values.HTTP_PROXY,
      httpsProxy: values.https_proxy ?? values.HTTPS_PROXY,
      noProxy: values.no_proxy ?? values.NO_PROXY,
    },
  };
}

/**
 * The environment, with some settings from a program.
 *
 * @param given null: as if the variable were not set; undefined: as the environment has it
 * @throws UsageError as `readConfig`
 */
export function configWith(given: Readonly<Record<string, string | null | undefined>>): Config {
  const replaced = Object.entries(given).filter(([, value]) => value !== undefined);
  return readConfig({ ...process.env, ...Object.fromEntries(replaced.map(([name, value]) => [name, value ?? ''])) });
}

function isSet([name, value = '']: readonly [string, string | undefined]): boolean {
  // Spaces may be a password.
  return (name === 'PGPASSWORD' || name === 'REDIS_PASSWORD' ? value : value.trim()) !== '';
}

/** What a terminal is asked for by its user. */
export interface TerminalConfig {
  /** `NO_COLOR` (no-color.org) says no, else `FORCE_COLOR` says yes; undefined: where there is a terminal. */
  readonly colors: boolean | undefined;
  /** `TERM=dumb`: it cannot go back to a line that is written. */
  readonly dumb: boolean;
}

/** Never refuses: it is read before anything else is said. */
export function terminalConfig(env: NodeJS.ProcessEnv = process.env): TerminalConfig {
  const { NO_COLOR = '', FORCE_COLOR = '', TERM } = env;
  const forced = FORCE_COLOR === '' ? undefined : !['0', 'false'].includes(FORCE_COLOR);
  return { colors: NO_COLOR === '' ? forced : false, dumb: TERM === 'dumb' };
}

/**
 * `DATABASE_URL`, with a password where it has none and PGPASSWORD or a password file has one. No other variable of libpq
 * counts: what PGHOST or PGSSLMODE say in a shell is about other programs and other databases.
 */
function readDatabaseUrl(values: z.infer<typeof environment>): string | undefined {
  const { DATABASE_URL, PGPASSWORD, PGPASSFILE } = values;
  if (DATABASE_URL === undefined) return undefined;
  const address = DATABASE_URL.trim();
  const { password } = parsePostgresAddress(address);
  if (password !== undefined || /[?&](password|passfile)=/.test(address)) return address;
  const parameter =
    PGPASSWORD === undefined
      ? `passfile=${encodeURIComponent(expandHome(PGPASSFILE ?? '~/.pgpass'))}`
      : `password=${encodeURIComponent(PGPASSWORD)}`;
  return `${address}${address.includes('?') ? '&' : '?'}${parameter}`;
}

function readRedisUrl(given: string | undefined, password: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const address = given.trim();
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+:\/\/)([^/?#]*)(.*)/is.exec(address) ?? [];
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(at, 0));
  const completed =
    password === undefined || scheme === '' || user.includes(':')
      ? address
      : `${scheme}${user}:${encodeURIComponent(password)}@${authority.slice(at + 1)}${rest}`;
  parseRedisAddress(completed);
  return completed;
}

/**
 * glibc is told to keep memory that is freed. The arrays that come from onnxruntime are as large from call to call, and each
 * time they were given back to the system, all their pages had to be mapped and cleared again (docs/decisions/engine-bound.md).
 * Other C libraries do not read it.
 */
export const KEPT_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
  MALLOC_TRIM_THRESHOLD_: String(4 * 2 ** 30),
} as const;

/** Variables that hold passwords, tokens, or addresses with them. */
const SECRETS = /^(DATABASE_URL|REDIS_URL|REDIS_PASSWORD|HF_TOKEN|PGPASSWORD|(HTTPS?|ALL)_PROXY)$/i;

/**
 * Environment of an engine process. onnxruntime sends telemetry and keeps a device id under the home folder
 * unless it is told not to before it loads. It has no business with the services and gets no passwords. Its standard
 * error is that of the command, where Node's warnings have no place.
 */
export function engineEnvironment(): NodeJS.ProcessEnv {
  const rest = Object.entries(process.env).filter(([name]) => !SECRETS.test(name));
  return { ...KEPT_MEMORY, NODE_NO_WARNINGS: '1', ...Object.fromEntries(rest), ORT_DISABLE_TELEMETRY: '1' };
}

function expandHome(path: string): string {
  const expanded = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
  return isAbsolute(expanded) ? expanded : resolve(expanded);
}
