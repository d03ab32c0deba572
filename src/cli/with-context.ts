import { type Checkpoints, createCheckpoints } from '../app/checkpoints.ts';
import { type Context, type ContextOptions, withOpenContext } from '../app/context.ts';
import type { OnEvent } from '../app/events.ts';
import { readConfig } from '../config.ts';
import { parsePostgresAddress } from '../contract/postgres-address.ts';
import { resultsTable } from '../store/locate.ts';
import { sayEvent } from './terminal/events.ts';
import { openLog } from './terminal/log.ts';

export interface CommandOptions extends ContextOptions {
  /** Used where DETOXQ_LOG_LEVEL is not set. Default warn. */
  readonly logLevel?: string;
  /** Takes what the program tells. Default: words it for the terminal. */
  readonly onEvent?: OnEvent;
}

/** Opens what a command works with by the settings of the environment, and closes it when the work is done or throws. */
export function withContext<T>(
  { logLevel, onEvent = sayEvent, ...options }: CommandOptions,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  const config = readConfig();
  const log = openLog(config.logLevel ?? logLevel ?? 'warn');
  return withOpenContext(config, { log, emit: onEvent }, options, work);
}

/** The checkpoints of this machine, for commands that need no services. */
export function localCheckpoints(): Checkpoints {
  const { home, checkpointFolders } = readConfig();
  return createCheckpoints(home, checkpointFolders);
}

/** Where the results are, for people; never with a password. */
export function describeResults(context: Context, runId: string): string {
  const where =
    context.services.postgres === 'embedded'
      ? `the embedded Postgres in ${context.config.home}`
      : `Postgres at ${parsePostgresAddress(context.services.databaseUrl).where}`;
  return `table ${resultsTable(context.database.schema)}, run_id '${runId}', in ${where}`;
}
