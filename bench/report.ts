/**
 * Writes docs/benchmarks.md and its plots from the results in docs/benchmarks/.
 *
 *   npm run bench -- report
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESULTS } from './peers/compare.ts';
import { comparisonBars, comparisonsSection } from './report/comparisons.ts';
import { jobBars, jobSection } from './report/job.ts';
import { plotRatios } from './report/plot-ratios.ts';
import { plotScale } from './report/plot-scale.ts';
import { precisionSection } from './report/precision.ts';
import { precisionSpeedSection } from './report/precision-speed.ts';
import { profileSection } from './report/profile.ts';
import { type MachineResults, readResults } from './report/results.ts';
import { scaleSection } from './report/scale.ts';
import { waySection } from './report/way.ts';

function writePlot(name: string, svg: string): string {
  writeFileSync(join(RESULTS, name), svg);
  return `benchmarks/${name}`;
}

function machineSection({
  machine,
  comparisons,
  job,
  scale,
  way,
  precisionSpeed,
  precision,
  profile,
}: MachineResults): string {
  const bars = [...comparisonBars(comparisons), ...(job ? jobBars(job) : [])];
  const ratios = writePlot(`${machine.kind}.svg`, plotRatios('Rows/s, detoxq to the fastest peer', bars));
  const sections = [
    comparisonsSection(comparisons),
    job && jobSection(job),
    scale && scaleSection(scale, writePlot(`scale.${machine.kind}.svg`, plotScale(scale.sizes))),
    way && waySection(way),
    precisionSpeed && precisionSpeedSection(precisionSpeed),
    precision && precisionSection(precision),
    profile && profileSection(profile),
  ];
  return `## ${machine.cpu}, ${machine.kind}

${machine.cores} cores, ${machine.memoryGb} GiB; int8 with ${machine.instructionSets.join(', ')}${machine.kind.endsWith('-half') ? ', each instruction in two halves of 128 bits (AMD Zen and Zen+)' : ''}.

![Ratios to the fastest peer](${ratios})

${sections.filter((section) => section !== undefined).join('\n')}`;
}

writeFileSync(
  join(RESULTS, '../benchmarks.md'),
  `# Benchmarks

\`npm run bench -- report\` makes this page from the results in \`docs/benchmarks/\`, which the other benchmarks write.

- **Rounds.** Each engine is a process that has loaded and warmed up, and is pinned to the cores named. Runs are interleaved in rounds (ours, a
  peer, the next, ours again) while the others idle. Figures are medians with the range of the rounds. If the machine had other work (see the
  load average), look at the ratio of CPU time.
- **What counts.** From texts to texts (or labels): tokenizing and decoding count on both sides. All sides get the same rows in the same order, and
  sort and batch as they like. Peers run with the fastest of several settings, tried at the same time. glibc keeps freed memory on every side, as
  in our engine processes.
- **Checkpoints.** They have the published sizes. They are the bundled models, widened without changing an output
  (\`training/widened_checkpoints.py\`), so that rewrites have realistic lengths. T5 has the shape of T5 v1.1 base.
- **Outputs.** Int8 rounds differently in each engine, so some rows differ. "Equal to transformers in fp32" shows how far each engine is from it.
- **Age.** Greedy figures were taken before compiler version 13, which made the head of greedy search faster
  ([decision](decisions/engine-batch-independence.md)). Why ratios are not larger: [what bounds the engine](decisions/engine-bound.md).

${readResults().map(machineSection).join('\n')}`,
);
