import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { findInPostgres, findInRedis } from './find-text.ts';
import { failedForServices, lastLines } from './soak-feeder.ts';
import type { SoakFault, SoakWorld } from './soak-world.ts';

/** Workers that are in the middle of a chunk of it end that; what a command could not remove, the next reconciler does. */
const GONE_AFTER_MS = 90_000;

export const ENDING_FAULTS: Readonly<Record<string, SoakFault>> = {
  'a run cancelled and deleted, and its text looked for': async (world, random) => {
    const { cluster, database, env } = world;
    const name = `ended-${randomBytes(6).toString('hex')}`;
    const secret = `secret${randomBytes(12).toString('hex')}`;
    const count = random.integer(50, 600);
    const rows = await cluster.rows(count, Object.fromEntries(Array.from({ length: count }, (_, n) => [n, secret])));
    const producer = cluster.startCli(['enqueue', rows.file, '--chunk-rows', '16', '--name', name], env);
    if (random.chance(0.3)) setTimeout(() => producer.child.kill('SIGKILL'), random.integer(500, 2_500)).unref();
    await producer.ended;
    const find = async () => {
      const select = 'SELECT id, state FROM detoxq.runs WHERE name = $1';
      const [run] = await world.patiently(() => database.query<{ id: string; state: string }>(select, [name]));
      return run;
    };
    const run = await find();
    if (run === undefined) return false;
    await pause(random.integer(0, 1_000));
    for (let found = await find(); found !== undefined; found = await find()) {
      const verb = ['done', 'cancelled'].includes(found.state) ? 'delete' : 'cancel';
      const end = await cluster.cli([verb, found.id, '--yes'], env);
      const state = (await find())?.state;
      // It may have ended by itself meanwhile.
      if (end.code !== 0 && state === found.state && !failedForServices(end)) {
        world.blame(`${verb} ended with ${end.code}: ${lastLines(end.stderr)}`);
        return false;
      }
    }
    await untilGone(world, run.id, secret);
    return true;
  },
};

async function untilGone(world: SoakWorld, run: string, secret: string): Promise<void> {
  let finds: string[] = [];
  for (const until = performance.now() + GONE_AFTER_MS; performance.now() < until; await pause(500)) {
    try {
      finds = [
        ...(await findInRedis(world.redis().url, [secret])),
        ...(await findInPostgres(world.cluster.postgres.url, [secret])),
      ];
      if (finds.length === 0) return;
    } catch {
      // A service is away.
    }
  }
  world.leftover(`run ${run}, ${GONE_AFTER_MS / 1_000} s after it was deleted: ${finds.slice(0, 5).join(', ')}`);
}
