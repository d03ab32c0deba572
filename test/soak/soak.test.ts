import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFailed, test } from 'vitest';
import { verifyRun } from '../../src/store/verify.ts';
import { expectUndisturbed } from '../support/fault-rows.ts';
import { canStartRedis } from '../support/private-redis.ts';
import { createRandom, type Random } from '../support/random.ts';
import { PROCESS_FAULTS, SERVICE_FAULTS } from '../support/soak-faults.ts';
import type { SoakRun } from '../support/soak-feeder.ts';
import { chunkFigures, compareRun, type SoakFigures } from '../support/soak-figures.ts';
import { type SoakWorld, startSoakWorld } from '../support/soak-world.ts';

/*
 * All faults at random, in two lanes: something is done to a process while something else is done to a service.
 * `npm run test:soak -- --seed N --minutes M` sets both variables. The same seed does the same things in the same order;
 * what they meet depends on the machine.
 */
const seed = Number(process.env.DETOXQ_SOAK_SEED ?? 1);
const minutes = Number(process.env.DETOXQ_SOAK_MINUTES ?? 10);
const MINUTE_MS = 60_000;
/** Where the figures go; scripts/soak.mjs prints them. */
const figuresFile = process.env.DETOXQ_SOAK_FIGURES ?? 'soak-figures.json';
/** After the last fault: silent connections, locks of the dead, rows that kill their worker. */
const END_MS = 8 * MINUTE_MS;
const REST_MS = END_MS + 4 * MINUTE_MS;
/** A chunk that is claimed more often is tried for ever. Jobs that are delivered many times cost a claim each. */
const MOST_CLAIMS = 100;

test.skipIf(!canStartRedis)(
  `17: everything at random for ${minutes} minutes, seed ${seed}`,
  {
    timeout: minutes * MINUTE_MS + REST_MS,
  },
  async () => {
    const random = createRandom(seed);
    const world = await startSoakWorld(random.fork());
    const survived = new Map<string, number>();
    const count = (kind: string, times = 1) => survived.set(kind, (survived.get(kind) ?? 0) + times);
    onTestFailed(() => tellState(world));

    const until = performance.now() + minutes * MINUTE_MS;
    const lane = async (faults: typeof PROCESS_FAULTS, chance: Random): Promise<void> => {
      // Each kind once, in an order by chance, and again.
      for (let left: string[] = []; performance.now() < until; ) {
        if (left.length === 0) left = Object.keys(faults);
        const [kind = ''] = left.splice(chance.integer(0, left.length - 1), 1);
        world.note(kind);
        if ((await faults[kind]?.(world, chance)) !== false) count(kind);
        world.note(`${kind}: over`);
        await pause(chance.integer(0, 3_000));
      }
    };
    await Promise.all([lane(PROCESS_FAULTS, random.fork()), lane(SERVICE_FAULTS, random.fork())]);
    world.note('no more faults');
    const ended = await Promise.race([world.finish().then(() => true), pause(END_MS, false)]);
    if (!ended) world.blame(`${END_MS / MINUTE_MS} minutes after the last fault, runs have not come to their end`);

    const { runs, counts } = world.feeder;
    count('producer killed', counts.producersKilled);
    count('second producer on one source', counts.secondProducers);
    const planted = new Map<string, number>();
    const wholes: SoakRun[] = [];
    const sums = { rows: 0, lost: 0, doubled: 0, different: 0 };
    for (const run of runs) {
      const errors = { ...run.errors, ...(await alsoKilled(world, run.id, run.errors)) };
      const compared = await compareRun(world.database, run.id ?? '', run.rows.rows, errors);
      sums.rows += run.rows.rows.length;
      sums.lost += compared.lost;
      sums.doubled += compared.doubled;
      sums.different += compared.different;
      wholes.push({ ...run, errors });
      for (const order of Object.values(run.orders)) {
        const [asked = ''] = order.split(' ');
        planted.set(asked, (planted.get(asked) ?? 0) + 1);
      }
    }
    const { blamed, leftovers } = world.report();
    const figures: SoakFigures = {
      seed,
      minutes,
      faults: Object.fromEntries(survived),
      planted: Object.fromEntries(planted),
      runs: runs.length,
      ...sums,
      ...(await chunkFigures(world.database)),
      leftovers: leftovers.length,
      blamed,
    };
    writeFileSync(figuresFile, JSON.stringify(figures, null, 1));
    // What follows says where a figure comes from that is none of these.
    for (const { id, rows, errors } of wholes) {
      expect(await verifyRun(world.database, id ?? '')).toMatchObject({ findings: [], holds: true });
      await expectUndisturbed(world.database, id ?? '', rows.rows, errors);
    }
    expect({ blamed, leftovers }).toEqual({ blamed: [], leftovers: [] });
    expect(figures).toMatchObject({ lost: 0, doubled: 0, different: 0, chunksWithoutEnd: 0 });
    expect(figures.mostClaims).toBeLessThanOrEqual(MOST_CLAIMS);
  },
);

/**
 * Rows that are planted to harm are in work again and again: where a fault of the soak killed their worker or their engine
 * process meanwhile, that is the reason that counts.
 */
async function alsoKilled(
  { database }: SoakWorld,
  run: string | null,
  errors: Readonly<Record<number, string>>,
): Promise<Record<number, string>> {
  const rows = await database.query<{ rowNo: number; code: string }>(
    `SELECT row_no AS "rowNo", code FROM detoxq.row_errors
     WHERE run_id = $1 AND code IN ('worker_killed', 'engine_crashed') AND row_no = ANY ($2)`,
    [run, Object.keys(errors).map(Number)],
  );
  return Object.fromEntries(rows.map(({ rowNo, code }) => [rowNo, code]));
}

async function tellState(world: SoakWorld): Promise<void> {
  const { blamed, log } = world.report();
  const state = await world.database
    .query(
      `SELECT runs.name, run_progress.*, (SELECT max(attempts) FROM chunks WHERE chunks.run_id = runs.id) AS most_attempts
       FROM run_progress JOIN runs ON runs.id = run_progress.run_id WHERE run_progress.chunks_done < (
         SELECT count(*) FROM chunks WHERE chunks.run_id = runs.id) OR run_progress.row_errors > 0`,
    )
    .catch((error: unknown) => [{ unreadable: String(error) }]);
  console.error(
    [
      `Seed ${seed}: npm run test:soak -- --seed ${seed} --minutes ${minutes}`,
      ...blamed.map((what) => `blamed: ${what}`),
      ...state.map((run) => JSON.stringify(run)),
      ...log.slice(-200),
    ].join('\n'),
  );
}
