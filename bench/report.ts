/**
 * Writes docs/benchmarks.md and its plots from the results in docs/benchmarks/.
 *
 *   npm run bench -- report
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerMeasured, RESULTS, type Result } from './peers/compare.ts';
import type { Machine } from './peers/machine.ts';
import { plotRatios } from './peers/plot.ts';
import { median, range } from './peers/statistics.ts';

/** What bench/job.ts writes: sides with and without a prefilter, and the script that they are compared with. */
interface JobResult extends Pick<Result, 'name' | 'title' | 'machine' | 'commit' | 'takenAt' | 'rows' | 'loadAverage'> {
  readonly kind: 'job';
  readonly cores: readonly string[];
  readonly sides: readonly JobSide[];
}

interface JobSide {
  readonly name: string;
  readonly goal: number | null;
  readonly rowsPerSecond: readonly number[];
  readonly peakMb: number;
  readonly ratios: readonly number[];
  readonly cpuRatios: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
}

/** A row of the table. */
interface Line {
  /** Short form of `work`. */
  readonly label: string;
  readonly work: string;
  readonly ours: readonly number[];
  readonly peer: string;
  readonly theirs: readonly number[];
  readonly ratios: readonly number[];
  readonly cpuRatio: number;
  /** Null where another peer is faster. */
  readonly goal: number | null;
  readonly same: string;
  readonly memory: string;
}

type Known = Result | JobResult;

const ORDER = [
  ...['bart-greedy', 'bart-beam', 't5-greedy', 'gpt2-20', 'bart-greedy-transformers'],
  ...['scorer', 'job', 'processes'],
];

function readResults(): Known[] {
  return readdirSync(RESULTS)
    .filter((file) => file.endsWith('.json'))
    .map((file): Known => JSON.parse(readFileSync(join(RESULTS, file), 'utf8')))
    .filter(({ name }) => ORDER.includes(name))
    .sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name));
}

function linesOf(result: Known): Line[] {
  const work = `${result.title}, ${count(result.rows.count)} rows, ${cores(result.cores)}`;
  if (result.kind === 'job') {
    const script = result.sides.find((side) => side.goal === null);
    const sides = result.sides.filter((side) => side.goal !== null);
    return sides.map((side) => ({
      label: side.name.includes('prefilter') ? `${result.title}, prefilter` : result.title,
      work: side.name.includes('prefilter') ? `${work}, ${side.name.replace(/^[^,]*, /, '')}` : work,
      ours: side.rowsPerSecond,
      peer: script?.name ?? '',
      theirs: script?.rowsPerSecond ?? [],
      ratios: side.ratios,
      cpuRatio: median(side.cpuRatios),
      goal: side.goal,
      same: '',
      memory: `${Math.round(side.peakMb)} / ${Math.round(script?.peakMb ?? Number.NaN)}`,
    }));
  }
  const { ours } = result;
  const fastest = [...result.peers].sort((a, b) => median(a.ratios) - median(b.ratios))[0];
  return result.peers.map((peer) => ({
    label: result.title,
    work,
    ours: ours.rowsPerSecond,
    peer: peer.name,
    theirs: peer.rowsPerSecond,
    ratios: peer.ratios,
    cpuRatio: median(ours.rowsPerCpuSecond) / median(peer.rowsPerCpuSecond),
    goal: peer === fastest ? result.goal : null,
    same: sameness(peer),
    memory: `${Math.round(ours.peakMb)} / ${Math.round(peer.peakMb)}`,
  }));
}

function sameness({ agreement }: PeerMeasured): string {
  const equal = `${count(agreement.equal)} of ${count(agreement.rows)}`;
  if (agreement.tokens) return `${equal} (${agreement.tokens.map(count).join(' / ')} tokens)`;
  return `${equal} labels`;
}

function tableOf(lines: readonly Line[]): string {
  const rows = lines.map((line) =>
    [
      line.work,
      `${median(line.ours).toFixed(1)} (${range(line.ours, 1)})`,
      line.peer,
      `${median(line.theirs).toFixed(1)} (${range(line.theirs, 1)})`,
      `**${median(line.ratios).toFixed(2)}** (${range(line.ratios, 2)})`,
      line.cpuRatio.toFixed(2),
      line.goal === null ? '' : `≥ ${line.goal}`,
      line.same,
      line.memory,
    ].join(' | '),
  );
  const head = [
    'work | detoxq, rows/s | against | rows/s | ratio | of CPU time | goal | same outputs (tokens: ours / theirs) | peak MB',
    '---|---|---|---|---|---|---|---|---',
  ];
  return [...head, ...rows].map((row) => `| ${row} |`).join('\n');
}

/** What int8 changes: rows with the tokens or labels of transformers in fp32. */
function fp32Of(results: readonly Known[]): string {
  const rows = results.flatMap((result) => {
    if (result.kind === 'job' || result.referenceRows === null) return [];
    return [result.ours, ...result.peers].map(
      ({ name, equalsReference }) =>
        `| ${result.title} | ${name} | ${count(equalsReference ?? 0)} of ${count(result.referenceRows ?? 0)} |`,
    );
  });
  if (rows.length === 0) return '';
  return ['Equal to transformers in fp32:\n', '| work | engine | rows equal |', '|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function settingsOf(results: readonly Known[]): string {
  return results
    .map((result) => {
      const taken = `${result.title}: ${result.rows.source}; commit ${result.commit}, ${result.takenAt.slice(0, 10)}, load average ${result.loadAverage.map((load) => load.toFixed(1)).join(' before and ')} after`;
      const sides = result.kind === 'job' ? result.sides : [result.ours, ...result.peers];
      const each = sides.map((side) => {
        const versions = Object.entries(side.versions).map(([name, version]) => `${name} ${version}`);
        const settings =
          'settings' in side ? Object.entries(side.settings).map(([name, value]) => `${name} ${value}`) : [];
        const variant = 'variant' in side && side.variant !== 'default' ? [side.variant] : [];
        return `  - ${side.name}: ${[...variant, ...settings, ...versions].join(', ')}`;
      });
      return [`- ${taken}`, ...each].join('\n');
    })
    .join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function cores(names: readonly string[]): string {
  return names.length === 1 ? 'one core' : `${names.length} cores`;
}

function section(machine: Machine, results: readonly Known[]): string {
  const lines = results.flatMap(linesOf);
  const bars = lines.flatMap(({ label, ratios, goal }) => {
    if (goal === null) return [];
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    return [{ label, ratio: median(ratios), least, most, goal }];
  });
  writeFileSync(join(RESULTS, `${machine.kind}.svg`), plotRatios('Rows/s, detoxq to the fastest peer', bars));
  return `## ${machine.cpu}, ${machine.kind}

${machine.cores} cores, ${machine.memoryGb} GiB; int8 with ${machine.instructionSets.join(', ')}.

![Ratios to the fastest peer](benchmarks/${machine.kind}.svg)

${tableOf(lines)}

Where the machine had other work (the load average says so), the ratio of CPU time is the one to look at.

${fp32Of(results)}
How each was taken:

${settingsOf(results)}
`;
}

const results = readResults();
const kinds = new Map(results.map(({ machine }) => [machine.kind, machine]));
const sections = [...kinds].map(([kind, machine]) =>
  section(
    machine,
    results.filter((result) => result.machine.kind === kind),
  ),
);
writeFileSync(
  join(RESULTS, '../benchmarks.md'),
  `# Benchmarks against other engines

Made by \`npm run bench -- report\` from the results in \`docs/benchmarks/\`. Each of these is a command that sets up the peers by itself:
\`npm run bench -- bart-greedy\`, \`bart-beam\`, \`t5-greedy\`, \`gpt2-20\`, \`scorer\`, \`processes\`, \`job\`.

- Each engine is a process that has loaded and warmed up, pinned to the cores named. Runs are interleaved in rounds (ours, a
  peer, the next, ours again) while the others idle. Figures are medians with the range of the rounds.
- From texts to texts (or labels): tokenizing and writing the text count, on both sides. Same rows in the same order; each
  side sorts and batches as it likes, and the peers at the fastest of several settings, tried on the spot.
- The checkpoints have the published sizes and are the bundled models widened without changing an output
  (\`training/widened_checkpoints.py\`), so that rewrites end where rewrites end. T5 is of the shape of T5 v1.1 base.
- Int8 rounds differently in each engine, so some rows differ; the second table says how far each is from fp32.

${sections.join('\n')}`,
);
