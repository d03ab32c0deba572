import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { UsageError } from '../../../contract/errors.ts';
import type { Precision } from '../../../contract/models.ts';
import {
  type CheckpointReference,
  type Prepared,
  prepareCheckpoint,
  type Tuned,
  tuneCheckpoint,
} from '../../../engine/index.ts';
import { SIZE_NAMES, tunedText } from '../../terminal/device.ts';
import { formatDuration, formatPercent } from '../../terminal/format.ts';
import { formatBytes } from '../../terminal/inspection.ts';
import { outputTable } from '../../terminal/table.ts';
import { type Terminal, terminal } from '../../terminal/terminal.ts';
import { visible } from '../../terminal/visible.ts';
import { localCheckpoints } from '../../with-context.ts';

interface Options {
  readonly precision: Precision;
  readonly tune?: boolean;
  readonly json?: boolean;
}

/** A calibration that had its processor for less of the time says so. */
const UNDISTURBED = 0.9;

export function addModelsCompileCommand(models: Command): void {
  models
    .command('compile')
    .argument('<checkpoints...>', 'bundled checkpoints, aliases, or folders')
    .description('make the ONNX graphs of a checkpoint now, so that the first run with it starts at once')
    .addOption(
      new Option('--precision <precision>', 'int8 is what runs use by default, fp16 what they use on a GPU')
        .choices(['int8', 'fp16', 'fp32'])
        .default('int8'),
    )
    .option('--tune', 'measure how much work at a time is fastest on this machine, and keep that for all runs')
    .option('--json', 'print a JSON object a checkpoint')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models compile bart-base-detox
  detoxq models compile ./my-model --precision fp32
  detoxq models compile --tune bart-base-detox roberta-toxicity

The graphs lie in DETOXQ_HOME/compiled, found by the content of the checkpoint, and are checked at each use.
--tune takes a minute or two for a checkpoint of base size: do it on an idle machine, once for each kind of machine that
runs will be on. No result depends on what it finds: detoxq models inspect --device CHECKPOINT prints that.`,
    )
    .action(async (names: string[], { precision, tune = false, json = false }: Options) => {
      if (tune && precision === 'fp16') {
        throw new UsageError('--tune is for the CPU, which runs int8 or fp32: give --precision int8.');
      }
      const { find, cacheFolder } = localCheckpoints();
      for (const name of names) {
        const { folder, name: known } = find(name);
        const reference = { folder, name: known, precision, cacheFolder };
        terminal.step(`Compiling ${visible(name)} …`);
        const compiled = await compile(reference);
        if (!json) process.stdout.write(compiledText(compiled));
        const tuned = tune ? await tuneWithProgress(reference) : null;
        if (json) process.stdout.write(`${JSON.stringify(jsonOf(compiled, tuned), null, 2)}\n`);
        else if (tuned !== null) process.stdout.write(`\n${tunedText(tuned.measured)}\n`);
        if (tuned !== null && tuned.processorShare < UNDISTURBED) warn(tuned);
      }
    });
}

interface Compiled extends Prepared {
  readonly files: readonly { readonly file: string; readonly bytes: number }[];
  /** Made by this command. */
  readonly fresh: boolean;
  readonly durationMs: number;
  readonly peakBytes: number;
}

async function compile(reference: CheckpointReference): Promise<Compiled> {
  const startMs = Date.now();
  const prepared = await prepareCheckpoint(reference);
  const { graphs } = prepared;
  const files = readdirSync(graphs)
    .sort()
    .map((file) => ({ file, bytes: statSync(join(graphs, file)).size }));
  return {
    ...prepared,
    files,
    // The manifest is written last: an older one was there before this command.
    fresh: statSync(join(graphs, 'manifest.json')).mtimeMs >= startMs,
    durationMs: Date.now() - startMs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function jsonOf({ identity, graphs, files, fresh, durationMs, peakBytes }: Compiled, tuned: Tuned | null) {
  const sizes = tuned && { tuned: { sizes: tuned.measured, processorShare: tuned.processorShare } };
  return { ...identity, folder: graphs, files, compiled: fresh, durationMs, peakBytes, ...sizes };
}

function compiledText({ identity, graphs, files, fresh, durationMs, peakBytes }: Compiled): string {
  const how = fresh ? 'compiled' : 'was compiled already, checked';
  const what = `${identity.architecture}, ${identity.precision}, sha256 ${identity.digest.slice(0, 12)}`;
  const rows = files.map(({ file, bytes }) => [file, formatBytes(bytes)]);
  return (
    `${visible(`${identity.name} (${what})`)} ${how} in ${formatDuration(durationMs)}, with ${formatBytes(peakBytes)} of memory at most\n` +
    `  ${visible(graphs)}\n\n${outputTable(['file', 'size'], rows)}\n`
  );
}

async function tuneWithProgress(reference: CheckpointReference): Promise<Tuned> {
  const progress = createStepProgress();
  try {
    return await tuneCheckpoint({
      ...reference,
      onProgress: (size, number, of) =>
        progress.update(`tuning ${reference.name}, ${number} of ${of}: ${SIZE_NAMES[size]}`),
    });
  } finally {
    progress.end();
  }
}

function warn({ identity, processorShare }: Tuned): void {
  process.stderr.write(
    `Other programs were at work: tuning ${identity.name} had its core for ${formatPercent(processorShare, 1)} of the time. ` +
      'Tune again when the machine is idle.\n',
  );
}

export interface StepProgress {
  update(text: string): void;
  /** Ends the line, so that what follows starts on its own. */
  end(): void;
}

/** One line that says what goes on, rewritten on a terminal; elsewhere one line per step. */
function createStepProgress(screen: Terminal = terminal): StepProgress {
  return {
    update(text) {
      if (screen.isTerminal) screen.step(text);
      else process.stderr.write(`${text}\n`);
    },
    end: screen.clear,
  };
}
