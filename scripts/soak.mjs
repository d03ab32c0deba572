// `npm run test:soak -- --seed N --minutes M --json FILE`: all faults at random (test/soak/soak.test.ts).
// `npm run test:soak -- --sum FILE FILE …`: the figures of several seeds together, as the table of docs/failure-modes.md.
// Vitest takes no options of ours.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    json: { type: 'string' },
    sum: { type: 'boolean', default: false },
  },
});
if (values.sum) {
  if (positionals.length === 0) usage('--sum needs files that --json wrote');
  print(positionals.map((file) => JSON.parse(readFileSync(file, 'utf8'))));
} else {
  process.exitCode = soak();
}

function soak() {
  if (positionals.length > 0) usage(`${positionals[0]} is no option`);
  const seed = values.seed ?? String(randomInt(2 ** 31));
  if (!/^\d+$/.test(seed) || !(Number(values.minutes) > 0)) {
    usage('--seed is a whole number, --minutes a number above 0');
  }
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-soak-'));
  const figures = values.json === undefined ? join(folder, 'figures.json') : resolve(values.json);
  rmSync(figures, { force: true });
  console.log(`Seed ${seed}, ${values.minutes} minutes of faults.`);
  const { status } = spawnSync('vitest', ['run', '--mode', 'soak', '--project', 'soak', 'test/soak/soak.test.ts'], {
    stdio: 'inherit',
    env: {
      ...process.env,
      DETOXQ_SOAK_SEED: seed,
      DETOXQ_SOAK_MINUTES: values.minutes,
      DETOXQ_SOAK_FIGURES: figures,
    },
  });
  if (existsSync(figures)) print([JSON.parse(readFileSync(figures, 'utf8'))]);
  else console.log('The soak did not come to its figures.');
  rmSync(folder, { recursive: true });
  return status ?? 1;
}

/** A table in Markdown: what happened, and what came of it. */
function print(all) {
  const total = (figure) => all.reduce((sum, each) => sum + each[figure], 0);
  const byKind = (figure) => {
    const kinds = {};
    for (const each of all) {
      for (const [kind, times] of Object.entries(each[figure])) kinds[kind] = (kinds[kind] ?? 0) + times;
    }
    return Object.entries(kinds).sort(([a], [b]) => (a < b ? -1 : 1));
  };
  const faults = byKind('faults');
  const planted = byKind('planted');
  const times = (kinds) => kinds.reduce((sum, [, count]) => sum + count, 0);
  const blamed = all.flatMap((each) => each.blamed);
  const lines = [
    ['seeds', all.map(({ seed, minutes }) => `${seed} (${minutes} min)`).join(', ')],
    ['faults survived', `${times(faults)} of ${faults.length} kinds`],
    ['planted rows survived', `${times(planted)} of ${planted.length} kinds`],
    ['runs; rows compared', `${total('runs')}; ${total('rows')}`],
    ['rows lost, doubled, different', `${total('lost')}, ${total('doubled')}, ${total('different')}`],
    ['chunks; without an end', `${total('chunks')}; ${total('chunksWithoutEnd')}`],
    [
      'claims per chunk; most of one chunk',
      `${(total('claims') / total('chunks')).toFixed(2)}; ${Math.max(...all.map((each) => each.mostClaims))}`,
    ],
    ['deleted runs whose text was found later', total('leftovers')],
    ['other complaints', blamed.length],
  ];
  console.log('\n| | |\n|---|---|');
  for (const [what, figure] of lines) console.log(`| ${what} | ${figure} |`);
  console.log('\n| fault | times |\n|---|---|');
  for (const [kind, count] of faults) console.log(`| ${kind} | ${count} |`);
  for (const [kind, count] of planted) console.log(`| a row that asks for \`${kind}\` | ${count} |`);
  for (const what of blamed) console.log(`\nBlamed: ${what}`);
}

function usage(message) {
  console.error(message);
  process.exit(2);
}
