import { setTimeout as pause } from 'node:timers/promises';
import { ADMINISTERED, alterSet } from './administered.ts';
import { startFaultPooler } from './fault-pooler.ts';
import type { SoakFault, SoakWorld } from './soak-world.ts';

/** Sessions of workers and of commands. */
const OURS = "(application_name LIKE 'fault/%' OR application_name = 'detoxq')";
const POOLED_CONNECTIONS = 6;

/** What poolers and administrators do to Postgres. */
export const POSTGRES_FAULTS: Readonly<Record<string, SoakFault>> = {
  'a pooler in transaction mode that ends sessions': async ({ cluster, postgresProxy }, random) => {
    const url = new URL(cluster.postgres.url);
    const pooler = await startFaultPooler(
      cluster.postgres.port,
      url.username,
      url.pathname.slice(1),
      POOLED_CONNECTIONS,
      random.pick(['pass over', 'refuse']),
    );
    const goThrough = (port: number): void => {
      postgresProxy.retarget(port);
      postgresProxy.cut();
      postgresProxy.mend();
    };
    goThrough(pooler.port);
    for (let times = random.integer(2, 6); times > 0; times -= 1) {
      await pause(random.integer(200, 1_500));
      pooler.endSessions();
    }
    await pause(random.integer(0, 1_000));
    goThrough(cluster.postgres.port);
    await pooler.close();
  },
  'statements cancelled by an administrator': (world, random) =>
    administer(world, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND state = 'active'`, {
      forMs: random.integer(1_000, 5_000),
      everyMs: random.integer(5, 80),
    }),
  'sessions ended by an administrator': (world, random) =>
    administer(world, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND random() < 0.3`, {
      forMs: random.integer(1_000, 4_000),
      everyMs: random.integer(100, 600),
    }),
  'settings and time limits of an administrator': async ({ database, patiently }, random) => {
    // What it is set back to, too: a session keeps what it began with.
    const renew = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS}`;
    // A database that gives no one time for a statement would not take the end of this fault from us.
    const settings = ADMINISTERED.filter(() => random.chance(0.6));
    for (const statement of alterSet('DATABASE postgres', settings)) await patiently(() => database.query(statement));
    await patiently(() => database.query(renew));
    await pause(random.integer(1_000, 5_000));
    await patiently(() => database.query('ALTER DATABASE postgres RESET ALL'));
    await patiently(() => database.query(renew));
  },
};

async function administer(
  { database, patiently }: SoakWorld,
  statement: string,
  { forMs, everyMs }: { readonly forMs: number; readonly everyMs: number },
): Promise<undefined> {
  for (const until = performance.now() + forMs; performance.now() < until; ) {
    await patiently(() => database.query(statement));
    await pause(everyMs);
  }
}
