import type { Config } from '../config.ts';
import { HomeError, ServiceError } from '../contract/errors.ts';
import { formatRoom, freeBytes } from '../contract/file-errors.ts';
import type { Log } from '../contract/log.ts';
import { type ChunkQueue, defaultQueueName, queueSchema } from '../queue/queue.ts';
import { openServices, type Services } from '../services/services.ts';
import type { Database } from '../store/database.ts';
import { inSchema } from '../store/in-schema.ts';
import { freeSchema, locateSchema, type Place, readInstallation } from '../store/locate.ts';
import { migrate, requireCurrentSchema } from '../store/migrate.ts';
import { patientDatabase } from '../store/patience.ts';
import { createPool } from '../store/pool.ts';
import { type Checkpoints, createCheckpoints } from './checkpoints.ts';
import type { OnEvent } from './events.ts';

/** What the program works with: services, database, checkpoints, and where its events go. */
export interface Context {
  readonly config: AppConfig;
  readonly log: Log;
  readonly emit: OnEvent;
  readonly services: Services;
  readonly database: Database;
  readonly checkpoints: Checkpoints;
  /** Other schemas of the database that hold tables of detoxq. */
  readonly otherSchemas: readonly string[];
  /** The queue, opened when it is first asked for. */
  openQueue(): Promise<ChunkQueue>;
  /** Closes queue, database and embedded services. */
  close(): Promise<void>;
}

export type AppConfig = Pick<
  Config,
  'databaseUrl' | 'redisUrl' | 'schema' | 'home' | 'checkpointFolders' | 'queueName' | 'drainDeadlineMs' | 'searchPath'
>;

/** For work on rows: many times what its longest statement takes. */
export const WORK_ANSWER_TIMEOUT_MS = 60_000;
/** For work on rows: workers and producers of one process share the pool. */
export const WORK_CONNECTIONS = 8;

export interface ContextOptions {
  /** Connections to Postgres at most. Default 4. */
  readonly connections?: number;
  /** A statement without an answer fails after this long (see `PoolOptions`). Default none: some commands scan whole runs. */
  readonly answerTimeoutMs?: number;
  /** The caller only reads: while Postgres is away for a moment, it asks again. */
  readonly reads?: boolean;
  /** Time-outs of the user and the database stay in force (see `PoolOptions`). */
  readonly keepLimits?: boolean;
  /** `apply`: bring the schema up to date; `check` (default): refuse another one; `skip`: the caller sees to it. */
  readonly schema?: 'apply' | 'check' | 'skip';
}

/** Opens services and database; what was opened is closed again when that fails. */
export async function openContext(
  config: AppConfig,
  { log, emit }: { readonly log: Log; readonly emit: OnEvent },
  options: ContextOptions = {},
): Promise<Context> {
  emit({ type: 'opening-services', home: config.home, embedded: config.databaseUrl === undefined });
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0)) {
      await end().catch((error: unknown) => log.warn({ reason: String(error) }, 'could not close cleanly'));
    }
  };
  try {
    const { home, databaseUrl, redisUrl, searchPath } = config;
    const services = await openServices({ home, databaseUrl, redisUrl, path: searchPath, log });
    closing.unshift(() => services.close());
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
    emit({ type: 'services-open' });
    let queue: Promise<ChunkQueue> | undefined;
    return {
      ...{ config, log, emit, services, database, close },
      checkpoints: createCheckpoints(home, config.checkpointFolders),
      otherSchemas: place.others,
      openQueue() {
        queue ??= openQueueOf(services, config.queueName, database, log).then(
          (opened) => {
            closing.unshift(() => opened.close());
            return opened;
          },
          (error: unknown) => {
            queue = undefined;
            throw error;
          },
        );
        return queue;
      },
    };
  } catch (error) {
    await close();
    throw explainFullHome(error, config);
  }
}

/** Opens a context, does the work, and closes it, also when the work throws. */
export async function withOpenContext<T>(
  config: AppConfig,
  outlets: { readonly log: Log; readonly emit: OnEvent },
  options: ContextOptions,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  const context = await openContext(config, outlets, options);
  try {
    return await work(context);
  } catch (error) {
    throw explainFullHome(error, config);
  } finally {
    await context.close();
  }
}

/** What Postgres takes at a time: a segment of its write-ahead log. */
const LEAST_FREE_BYTES = 16 << 20;

/** Servers say that they cannot write, or end; on whose disk that is, and how full it is, they do not say. */
export function explainFullHome(error: unknown, { home, databaseUrl, redisUrl }: AppConfig): unknown {
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

/** Only `migrate` begins a second installation: a command that lacks a setting must not look into an empty one. */
async function requireOneInstallation({ schema, found, others }: Place, pool: Database): Promise<void> {
  const [other] = others;
  if (found || other === undefined) return;
  const free = await freeSchema(pool, schema);
  throw new ServiceError(
    `the schema ${schema} of this database has no tables of detoxq; there is an installation in ${others.join(', ')}: ` +
      `to use it, set DETOXQ_SCHEMA=${other}`,
    { code: 'schema_elsewhere', data: { schema, installations: others, free } },
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
