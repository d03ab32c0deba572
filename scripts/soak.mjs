// `npm run test:soak -- --seed N --minutes M`: all faults at random (test/soak/soak.test.ts). Vitest takes no options of ours.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { seed: { type: 'string' }, minutes: { type: 'string', default: '10' } } });
const seed = values.seed ?? String(randomInt(2 ** 31));
if (!/^\d+$/.test(seed) || !(Number(values.minutes) > 0)) {
  console.error('--seed is a whole number, --minutes a number above 0');
  process.exit(2);
}
console.log(`Seed ${seed}, ${values.minutes} minutes of faults.`);
const { status } = spawnSync('vitest', ['run', '--mode', 'soak', '--project', 'soak', 'test/soak/soak.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, DETOXQ_SOAK_SEED: seed, DETOXQ_SOAK_MINUTES: values.minutes },
});
process.exit(status ?? 1);
