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

Made by \`npm run bench -- report\` from the results in \`docs/benchmarks/\`, which the other benchmarks write.

- Each engine is a process that has loaded and warmed up, pinned to the cores named. Runs are interleaved in rounds (ours, a
  peer, the next, ours again) while the others idle. Figures are medians with the range of the rounds. Where the machine had other work (the
  load average says so), the ratio of CPU time is the one to look at.
- From texts to texts (or labels): tokenizing and writing the text count, on both sides. Same rows in the same order; each
  side sorts and batches as it likes, and the peers at the fastest of several settings, tried on the spot. glibc was told to keep freed memory on
  every side, as it is in our engine processes.
- The checkpoints have the published sizes and are the bundled models widened without changing an output
  (\`training/widened_checkpoints.py\`), so that rewrites end where rewrites end. T5 is of the shape of T5 v1.1 base.
- Int8 rounds differently in each engine, so some rows differ; "equal to transformers in fp32" says how far each is from it.

${readResults().map(machineSection).join('\n')}`,
);
