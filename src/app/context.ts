import { servicesStep } from '../cli/first-word.ts';
import { openLog } from '../cli/terminal/log.ts';
import { terminal } from '../cli/terminal/terminal.ts';
import { type Config, readConfig } from '../config.ts';
import { HomeError, ServiceError } from '../contract/errors.ts';
import { formatRoom, freeBytes } from '../contract/file-errors.ts';
import type { Log } from '../contract/log.ts';
import { parsePostgresAddress } from '../contract/postgres-address.ts';
import { type ChunkQueue, defaultQueueName, queueSchema } from '../queue/queue.ts';
import { openServices, type Services } from '../services/services.ts';
import type { Database } from '../store/database.ts';
import { inSchema } from '../store/in-schema.ts';
import { freeSchema, locateSchema, type Place, readInstallation, resultsTable } from '../store/locate.ts';
import { migrate, requireCurrentSchema } from '../store/migrate.ts';
import { patientDatabase } from '../store/patience.ts';
import { createPool } from '../store/pool.ts';

/** What a verb works with. */
export interface Context {
  readonly config: Config;
  readonly log: Log;
  readonly services: Services;
  readonly database: Database;
  /** Other schemas of the database that hold tables of detoxq. */
  readonly otherSchemas: readonly string[];
  /** Opens the queue; closed with the context. */
  openQueue(): Promise<ChunkQueue>;
}

/** For verbs that work: many times what their longest statement takes. */
export const WORK_ANSWER_TIMEOUT_MS = 60_000;

export interface ContextOptions {
  /** Connections to Postgres at most. Default 4. */
  readonly connections?: number;
  /** A statement without an answer fails after this long (see `PoolOptions`). Default none: some verbs scan whole runs. */
  readonly answerTimeoutMs?: number;
  /** The verb only reads: while Postgres is away for a moment, it asks again. */
  readonly reads?: boolean;
  /** Time-outs of the user and the database stay in force (see `PoolOptions`). */
  readonly keepLimits?: boolean;
  /** Used where DETOXQ_LOG_LEVEL is not set. Default warn. */
  readonly logLevel?: string;
  /** `apply`: bring the schema up to date; `check` (default): refuse another one; `skip`: the verb sees to it. */
  readonly schema?: 'apply' | 'check' | 'skip';
}

/** Opens services and database, does the work, and closes everything, also when the work throws. */
export async function withContext<T>(options: ContextOptions, work: (context: Context) => Promise<T>): Promise<T> {
  const config = readConfig();
  const log = openLog(config.logLevel ?? options.logLevel ?? 'warn');
  terminal.step(servicesStep(config));
  const explain = (error: unknown): never => {
    throw explainFullHome(error, config);
  };
  const services = await openServices({
    home: config.home,
    databaseUrl: config.databaseUrl,
    redisUrl: config.redisUrl,
    path: config.searchPath,
    log,
  }).catch(explain);
  const closing: (() => Promise<void>)[] = [() => services.close()];
  try {
    const pool = createPool(services.databaseUrl, {
      max: options.connections ?? 4,
      applicationName: 'detoxq',
      answerTimeoutMs: options.answerTimeoutMs,
      keepLimits: options.keepLimits ?? false,
    });
    closing.unshift(() => pool.close());
    const place = await locateSchema(pool, config.schema);
    const database = inSchema(options.reads ? patientDatabase(pool) : pool, place.schema);
    // The embedded database is ours alone: its schema follows the program without being asked.
    const schema = options.schema ?? (services.postgres === 'embedded' ? 'apply' : 'check');
    if (schema !== 'skip') await requireOneInstallation(place, pool);
    if (schema === 'check') await requireCurrentSchema(database);
    // Looked at first: a user who may not change the schema can run on one that is up to date.
    if (schema === 'apply' && !(await isCurrent(database))) await migrate(database);
    terminal.clear();
    return await work({
      config,
      log,
      services,
      database,
      otherSchemas: place.others,
      async openQueue() {
        const queue = await openQueueOf(services, config.queueName, database, log);
        closing.unshift(() => queue.close());
        return queue;
      },
    });
  } catch (error) {
    return explain(error);
  } finally {
    for (const close of closing)
      await close().catch((error: unknown) => log.warn({ reason: String(error) }, 'could not close cleanly'));
  }
}

/** What Postgres takes at a time: a segment of its write-ahead log. */
const LEAST_FREE_BYTES = 16 << 20;

/** Servers say that they cannot write, or end; on whose disk that is, and how full it is, they do not say. */
function explainFullHome(error: unknown, { home, databaseUrl, redisUrl }: Config): unknown {
  if (!(error instanceof ServiceError) || error instanceof HomeError) return error;
  if (databaseUrl !== undefined && redisUrl !== undefined) return error;
  const free = freeBytes(home);
  if (free === null || free >= LEAST_FREE_BYTES) return error;
  return new ServiceError(
    `${error.message.replace(/\.?$/, '.')} The disk of ${home}, where the embedded services keep their data, is full ` +
      `(${formatRoom(free)} free): make room there, or give DETOXQ_HOME a folder on a disk with more. Rows that are done are kept.`,
    { cause: error },
  );
}

/** Only `migrate` begins a second installation: a verb that forgot a setting must not look into an empty one. */
async function requireOneInstallation({ schema, found, others }: Place, pool: Database): Promise<void> {
  const [other] = others;
  if (found || other === undefined) return;
  const free = await freeSchema(pool, schema);
  const setting = free === schema ? '' : `DETOXQ_SCHEMA=${free} `;
  throw new ServiceError(
    `the schema ${schema} of this database has no tables of detoxq; there is an installation in ${others.join(', ')}: ` +
      `to use it, set DETOXQ_SCHEMA=${other}; to make another one in ${free}, run \`${setting}detoxq migrate\``,
  );
}

/** BullMQ takes longer to load than all the rest: verbs without a queue do without it. */
async function openQueueOf(
  { databaseUrl, redisUrl }: Services,
  named: string | undefined,
  database: Database,
  log: Log,
): Promise<ChunkQueue> {
  const installation = await readInstallation(database);
  const name = named ?? defaultQueueName(database.schema, installation.id);
  if (redisUrl === null) {
    const { createPostgresQueue } = await import('../queue/postgres-queue.ts');
    return createPostgresQueue({ url: databaseUrl, name, log, schema: queueSchema(database.schema) });
  }
  const { createRedisQueue } = await import('../queue/redis-queue.ts');
  return createRedisQueue({ url: redisUrl, name, log, installation: installation.title });
}

function isCurrent(database: Database): Promise<boolean> {
  return requireCurrentSchema(database).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ServiceError) return false;
      throw error;
    },
  );
}

/** Where the results are, for people; never with a password. */
export function describeResults(context: Context, runId: string): string {
  const where =
    context.services.postgres === 'embedded'
      ? `the embedded Postgres in ${context.config.home}`
      : `Postgres at ${parsePostgresAddress(context.services.databaseUrl).where}`;
  return `table ${resultsTable(context.database.schema)}, run_id '${runId}', in ${where}`;
}
