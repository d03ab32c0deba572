import { type Command, InvalidArgumentError, Option } from 'commander';
import { faultOfName, RUN_DEFAULTS, type RunRequest } from '../../app/run-request.ts';
import { type Device, parseDevice } from '../../contract/device.ts';
import { PRECISIONS, type Precision } from '../../contract/models.ts';
import { type Dialect, dialectOf } from '../../producer/dialect.ts';
import { FORMATS, type Format } from '../../producer/format.ts';
import { addDialectOptions } from './dialect-options.ts';
import { addGenerationOptions, type GivenOptions, givenGeneration } from './generation-options.ts';
import { wholeNumber } from './whole-number.ts';

/** Options of the commands that start a run, with the generation options. */
export interface RunOptions extends GivenOptions, DeviceOption, Dialect {
  readonly textColumn?: string;
  readonly idColumn?: string;
  readonly format?: Format;
  readonly limit?: number;
  readonly chunkRows: number;
  readonly detoxifier: string;
  readonly scorer: string;
  readonly threshold: number;
  /** Label of the scorer that means toxic. */
  readonly toxicLabel?: string;
  /** A small scorer that clears what is surely clean. */
  readonly prefilter?: string;
  /** Share of all rows that it may miss, 0 to 1. */
  readonly prefilterMaxMiss: number;
  /** Rewrites to choose from. */
  readonly candidates: number;
  readonly precision?: Precision;
  /** With int8-static: share of labels and of words of rewrites that may be others than in int8, 0 to 1. */
  readonly staticMaxMoved: number;
  /** Template with {text}. */
  readonly prompt?: string;
  /** File with words that are never produced. */
  readonly badWords?: string;
  readonly name?: string;
}

/** What the options ask of a run. */
export function requestOf(options: RunOptions): RunRequest {
  const { textColumn, idColumn, format, limit, chunkRows, name, detoxifier, scorer, threshold, toxicLabel } = options;
  const { prefilter, prefilterMaxMiss, candidates, precision, staticMaxMoved, prompt, badWords } = options;
  return {
    ...{ textColumn, idColumn, format, limit, chunkRows, name, detoxifier, scorer, threshold, toxicLabel },
    ...{ prefilter, prefilterMaxMiss, candidates, precision, staticMaxMoved, prompt, badWords },
    ...dialectOf(options),
    generation: givenGeneration(options),
  };
}

export function addRunOptions(command: Command): Command {
  command
    .option(
      '--text-column <name>',
      'column that holds the text (default: a usual name, such as text, comment or body, or the only string column; refused when unsure)',
    )
    .option('--id-column <name>', 'column that holds your id of a row (default: id, where there is one)')
    .addOption(new Option('--format <format>', "default: by the file's ending").choices(FORMATS));
  addDialectOptions(command)
    .option('--limit <rows>', 'take only the first rows', wholeNumber(1))
    .option(
      '--chunk-rows <rows>',
      'rows per chunk: the unit of dispatch and of writing',
      wholeNumber(1, 10_000),
      RUN_DEFAULTS.chunkRows,
    )
    .option('--detoxifier <checkpoint>', 'a bundled checkpoint or a folder', RUN_DEFAULTS.detoxifier)
    .option('--scorer <checkpoint>', 'a bundled checkpoint or a folder', RUN_DEFAULTS.scorer)
    .option(
      '--toxic-label <name>',
      'label of the scorer that means toxic (default: toxic, or the only one that is usual)',
    )
    .option(
      '--threshold <probability>',
      'score from which on a row is toxic, 0 to 1',
      probability,
      RUN_DEFAULTS.threshold,
    )
    .option(
      '--prefilter <checkpoint>',
      'a small scorer that clears rows which are surely clean, so that the scorer can skip them',
    )
    .option(
      '--prefilter-max-miss <share>',
      'of all rows, how many the prefilter may clear that the scorer would call toxic; calibrated on a sample of the run',
      percentage,
      RUN_DEFAULTS.prefilterMaxMiss,
    )
    .option(
      '--candidates <rewrites>',
      'rewrites of a sentence to choose the best from',
      wholeNumber(1, 64),
      RUN_DEFAULTS.candidates,
    )
    .addOption(
      new Option(
        '--precision <precision>',
        'default: int8, quantized row by row; on a GPU fp16; int8-static: a little faster, with scales from a sample of the run',
      ).choices(PRECISIONS),
    )
    .option(
      '--static-max-moved <share>',
      'with int8-static: largest share of labels and of words in rewrites that may differ from int8; more is refused',
      percentage,
      RUN_DEFAULTS.staticMaxMoved,
    )
    .option(
      '--name <name>',
      'a name for the run: other commands take it in place of the id, as long as only one run has it',
      runName,
    );
  return addGenerationOptions(command, {
    sequences: false,
    longest: `${RUN_DEFAULTS.maxNewTokens}, a sentence at a time`,
    prompt: "the checkpoint's own, if it has one",
  });
}

function runName(value: string): string {
  const name = value.trim();
  const fault = faultOfName(name);
  if (fault !== null) throw new InvalidArgumentError(fault);
  return name;
}

export interface DeviceOption {
  /** What models run on; absent: the CPU. */
  readonly device?: Device;
}

/** What the engine processes of this machine are. */
export interface EngineProcessOptions extends DeviceOption {
  readonly processes?: number;
}

export function deviceOption(): Option {
  return new Option('--device <device>', 'what models run on: cpu, cuda, cuda:1 or webgpu (default: cpu)').argParser(
    (value) => {
      const device = parseDevice(value);
      if (device === null) throw new InvalidArgumentError('It must be cpu, cuda, cuda:N or webgpu.');
      return device;
    },
  );
}

export function addEngineOptions(command: Command): Command {
  return command
    .option('--processes <count>', 'engine processes (default: one per core; on a GPU one)', wholeNumber(1, 1024))
    .addOption(deviceOption());
}

/** `0.1%` or `0.001`; more than nothing, at most everything. */
function percentage(value: string): number {
  const number = value.endsWith('%') ? Number(value.slice(0, -1)) / 100 : Number(value);
  if (value.trim() === '' || !(number > 0 && number < 1)) {
    throw new InvalidArgumentError('It must be a share above 0 and below 1, like 0.1% or 0.001.');
  }
  return number;
}

function probability(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !(number >= 0 && number <= 1)) {
    throw new InvalidArgumentError('It must be a number from 0 to 1.');
  }
  return number;
}
