import { type Device, defaultPrecision, requirePrecision } from '../contract/device.ts';
import { UsageError } from '../contract/errors.ts';
import type { GenerationOverrides } from '../contract/generation.ts';
import { PRECISIONS, type Precision } from '../contract/models.ts';
import { BUNDLED } from '../engine/index.ts';
import type { Dialect } from '../producer/dialect.ts';
import type { Format } from '../producer/format.ts';

/** What a run is asked to do. Everything has a default but what is read. */
export interface RunRequest extends Dialect {
  /** Column that holds the text. Default: a usual name, such as `text` or `body`, or the only column of strings; refused when unsure. */
  readonly textColumn?: string | undefined;
  /** Column that holds the row key. Default: `id`, where there is one. */
  readonly idColumn?: string | undefined;
  /** Of all files. Default: by the ending of each. */
  readonly format?: Format | undefined;
  /** Rows to take at most. Default: all. */
  readonly limit?: number | undefined;
  /** Rows per chunk, 1 to 10,000: the unit of dispatch and of writing. Default 256. */
  readonly chunkRows?: number | undefined;
  /** A name for the run, which stands for its id as long as only one run has it. */
  readonly name?: string | undefined;
  /** Alias, hub id or folder of the model that rewrites. Default `nano-bart`. */
  readonly detoxifier?: string | undefined;
  /** Alias, hub id or folder of the model that scores. Default `nano-roberta`. */
  readonly scorer?: string | undefined;
  /** Rows are toxic from this score on, 0 to 1. Default 0.5. */
  readonly threshold?: number | undefined;
  /** Label of the scorer that means toxic. Default: `toxic`, or the only label with a usual name. */
  readonly toxicLabel?: string | undefined;
  /** A small scorer that clears rows which are surely clean, so that the scorer skips them. Default: none. */
  readonly prefilter?: string | undefined;
  /** Share of all rows, above 0 and below 1, that the prefilter may clear although the scorer would call them toxic. Default 0.001. */
  readonly prefilterMaxMiss?: number | undefined;
  /** Rewrites of a sentence to choose the best from, 1 to 64. Default 1. */
  readonly candidates?: number | undefined;
  /** Default: `int8` on a CPU, `fp16` on a GPU. */
  readonly precision?: Precision | undefined;
  /** With `int8-static`: share of labels and of words in rewrites that may differ from int8, above 0 and below 1. Default 0.02. */
  readonly staticMaxMoved?: number | undefined;
  /** Template, with `{text}`, in which texts are put to the detoxifier. Default: the checkpoint's own. */
  readonly prompt?: string | undefined;
  /** File of words that are never produced, one per line. */
  readonly badWords?: string | undefined;
  /** Generation options under their Hugging Face names. Default: the checkpoint's own, with `max_new_tokens` 64. */
  readonly generation?: GenerationOverrides | undefined;
}

export const RUN_DEFAULTS = {
  ...{ detoxifier: BUNDLED.detoxifier, scorer: BUNDLED.scorer, threshold: 0.5, chunkRows: 256, candidates: 1 },
  ...{ prefilterMaxMiss: 0.001, staticMaxMoved: 0.02 },
  /** Longest rewrite of a sentence, in tokens: a checkpoint's own limit may be 1024. */
  maxNewTokens: 64,
} as const;

const MAX_NAME_CHARS = 100;

/** What a name of a run must be; null where this one is. */
export function faultOfName(name: string): string | null {
  const usable =
    name.trim() !== '' &&
    name !== 'latest' &&
    !name.startsWith('-') &&
    name.length <= MAX_NAME_CHARS &&
    !/\p{Cc}/u.test(name);
  return usable
    ? null
    : `It must have 1 to ${MAX_NAME_CHARS} visible characters, not begin with "-", and not be "latest", which is the newest run.`;
}

/** What models run in on a device. @throws UsageError where the device does not run in what is asked for */
export function precisionOn(device: Device, asked: Precision | undefined): Precision {
  const precision = asked ?? defaultPrecision(device);
  requirePrecision(device, precision);
  return precision;
}

/** What a field of an object of options must be; `any`: it is checked elsewhere. */
type Kind = 'text' | 'object' | { readonly least: number; readonly most: number; readonly whole: boolean };

export type FieldKinds<Name extends string = string> = Readonly<Record<Name, Kind | 'any'>>;

const COUNT = { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true } as const;
const SHARE = { least: Number.MIN_VALUE, most: 1 - Number.EPSILON, whole: false } as const;

/** What each field of a request must be. */
const FIELDS: Readonly<Record<keyof RunRequest, Kind>> = {
  ...{ textColumn: 'text', idColumn: 'text', format: 'text', name: 'text', detoxifier: 'text', scorer: 'text' },
  ...{ toxicLabel: 'text', prefilter: 'text', precision: 'text', prompt: 'text', badWords: 'text' },
  ...{ delimiter: 'text', quote: 'text', escape: 'text', encoding: 'text' },
  ...{ limit: COUNT, chunkRows: { ...COUNT, most: 10_000 }, candidates: { ...COUNT, most: 64 } },
  skipLines: { ...COUNT, least: 0 },
  ...{ threshold: { least: 0, most: 1, whole: false }, prefilterMaxMiss: SHARE, staticMaxMoved: SHARE },
  generation: 'object',
};

/**
 * Refuses what a program without types may give. The command line has checked its options with words of its own.
 *
 * @throws UsageError that names the field, for one that is not known, too: a misspelt setting would have no effect
 */
export function checkRequest(request: RunRequest): void {
  requireFields(request, FIELDS, 'a setting of a run');
  const { name, precision } = request;
  const fault = name === undefined ? null : faultOfName(name);
  if (fault !== null) throw new UsageError(`name: ${fault}`);
  if (precision !== undefined && !PRECISIONS.includes(precision)) {
    throw new UsageError(`precision must be one of ${PRECISIONS.join(', ')}, not ${String(precision)}`);
  }
}

/** @throws UsageError for a field that is not among `fields`, and for a value of another kind */
export function requireFields(given: object, fields: FieldKinds, what: string): void {
  if (given === null || typeof given !== 'object') throw new UsageError(`${what} must be a field of an object`);
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (kind === undefined) {
      throw new UsageError(`${JSON.stringify(name)} is not ${what}. Known: ${Object.keys(fields).sort().join(', ')}`);
    }
    if (value !== undefined && kind !== 'any') requireKind(name, value, kind);
  }
}

function requireKind(name: string, value: unknown, kind: Kind): void {
  if (kind === 'text') {
    if (typeof value !== 'string') throw new UsageError(`${name} must be a string, not ${kindOf(value)}`);
  } else if (kind === 'object') {
    if (value === null || typeof value !== 'object')
      throw new UsageError(`${name} must be an object, not ${kindOf(value)}`);
  } else {
    const { least, most, whole } = kind;
    const isIn = typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value));
    if (isIn) return;
    const range =
      most === Number.MAX_SAFE_INTEGER
        ? `from ${least} on`
        : kind === SHARE
          ? 'above 0 and below 1'
          : `from ${least} to ${most}`;
    throw new UsageError(
      `${name} must be a ${whole ? 'whole number' : 'number'} ${range}, not ${typeof value === 'number' ? value : kindOf(value)}`,
    );
  }
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : `a ${typeof value}`;
}
