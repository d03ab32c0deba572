import { type Command, InvalidArgumentError, Option } from 'commander';
import { CPU, type Device, defaultPrecision, parseDevice, requirePrecision } from '../../contract/model-device.ts';
import type { Precision } from '../../contract/models.ts';
import { BUNDLED } from '../../engine/index.ts';
import type { Dialect } from '../../producer/dialect.ts';
import { FORMATS, type Format } from '../../producer/format.ts';
import { addDialectOptions } from './dialect-options.ts';
import { addGenerationOptions, type GivenOptions } from './generation-options.ts';
import { wholeNumber } from './whole-number.ts';

/** Options of the verbs that begin a run; generation options beside those named here. */
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

/** Longest rewrite of a sentence in tokens where nothing is said. */
export const RUN_MAX_NEW_TOKENS = 64;

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
    .option('--chunk-rows <rows>', 'rows per chunk: the unit of dispatch and of writing', wholeNumber(1, 10_000), 256)
    .option('--detoxifier <checkpoint>', 'a bundled checkpoint or a folder', BUNDLED.detoxifier)
    .option('--scorer <checkpoint>', 'a bundled checkpoint or a folder', BUNDLED.scorer)
    .option(
      '--toxic-label <name>',
      'label of the scorer that means toxic (default: toxic, or the only one that is usual)',
    )
    .option('--threshold <probability>', 'score from which on a row is toxic, 0 to 1', probability, 0.5)
    .option(
      '--prefilter <checkpoint>',
      'a small scorer that clears rows which are surely clean, so that the scorer can skip them',
    )
    .option(
      '--prefilter-max-miss <share>',
      'of all rows, how many the prefilter may clear that the scorer would call toxic; calibrated on a sample of the run',
      percentage,
      0.001,
    )
    .option('--candidates <rewrites>', 'rewrites of a sentence to choose the best from', wholeNumber(1, 64), 1)
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
      0.02,
    )
    .option(
      '--name <name>',
      'a name for the run: other commands take it in place of the id, as long as only one run has it',
      runName,
    );
  return addGenerationOptions(command, {
    sequences: false,
    longest: `${RUN_MAX_NEW_TOKENS}, a sentence at a time`,
    prompt: "the checkpoint's own, if it has one",
  });
}

const MAX_NAME_CHARS = 100;

function runName(value: string): string {
  const name = value.trim();
  if (
    name === '' ||
    name === 'latest' ||
    name.startsWith('-') ||
    name.length > MAX_NAME_CHARS ||
    /\p{Cc}/u.test(name)
  ) {
    throw new InvalidArgumentError(
      `It must have 1 to ${MAX_NAME_CHARS} visible characters, not begin with "-", and not be "latest", which is the newest run.`,
    );
  }
  return name;
}

const PRECISIONS: readonly Precision[] = ['int8', 'int8-static', 'fp16', 'fp32'];

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

/** What models run in on the device that was asked for. @throws UsageError where that cannot be */
export function precisionOf({
  device = CPU,
  precision = defaultPrecision(device),
}: DeviceOption & { readonly precision?: Precision }): Precision {
  requirePrecision(device, precision);
  return precision;
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
