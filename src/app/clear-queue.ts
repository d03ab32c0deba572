import { DetoxqError } from '../contract/errors.ts';
import { clearNoted, sweepQueue } from '../queue/clear-leftovers.ts';
import { type ChunkQueue, queueSchema } from '../queue/queue.ts';
import { queueTablesExist } from '../store/leftovers.ts';
import type { Context } from './context.ts';

/** Removes what the queue still holds of runs that ended. A fault is left to the next command or worker. */
export async function clearLeftovers({ database, log }: Context, queue: ChunkQueue): Promise<void> {
  try {
    await clearNoted(database, queue);
    await sweepQueue(database, queue);
  } catch (error) {
    if (!(error instanceof DetoxqError)) throw error;
    log.warn({ reason: error.message }, 'what the queue holds of ended runs could not be removed');
  }
}

/**
 * Removes the jobs of a run that was just cancelled or deleted, which hold text of its rows. Where this command cannot, it
 * says so: that was noted with the change, and whoever has the queue next does it.
 */
export async function clearQueue(context: Context, runId: string): Promise<void> {
  const { services, database, emit } = context;
  const sayLater = (reason: string): void => emit({ type: 'queue-not-cleared', run: runId, reason });
  try {
    // Opening it would make tables of a queue that is not in use.
    if (services.redisUrl === null && !(await queueTablesExist(database, queueSchema(database.schema)))) {
      if (services.postgres === 'external') sayLater('REDIS_URL is not set, and there is no queue in Postgres');
      return;
    }
    const queue = await context.openQueue();
    await clearNoted(database, queue);
    await sweepQueue(database, queue);
    if (services.redis === 'embedded' && services.redisUrl !== null) {
      const { forgetOnDisk } = await import('../queue/forget-on-disk.ts');
      await forgetOnDisk(services.redisUrl);
    }
  } catch (error) {
    if (!(error instanceof DetoxqError)) throw error;
    sayLater(error.message);
  }
}
