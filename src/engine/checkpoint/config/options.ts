import { CheckpointError, UsageError } from '../../../contract/errors.ts';
import type { GenerationOverrides } from '../../../contract/generation.ts';

/** Generation options of a checkpoint, overridden by those of the caller. Null counts as not set. Errors name the option. */
export interface Options {
  /** Names that the checkpoint or the caller sets. */
  readonly names: readonly string[];
  isOverridden(name: string): boolean;
  raw(name: string): unknown;
  integer(name: string, fallback: number, least: number): number;
  integerOrNull(name: string, least: number): number | null;
  number(name: string, fallback: number, bounds?: Bounds): number;
  boolean(name: string, fallback: boolean): boolean;
  /** A token id of the vocabulary. */
  token(name: string): number | null;
  /** One id or a list of them. */
  tokens(name: string): readonly number[];
  tokenLists(name: string): readonly (readonly number[])[];
  /** Makes a UsageError if the caller gave one of these options, else a CheckpointError that names the file. */
  error(names: string | readonly string[], message: string): CheckpointError | UsageError;
}

interface Bounds {
  readonly above?: number;
  readonly least?: number;
  readonly most?: number;
}

/** Time and memory are proportional to these options, so a checkpoint must not set them without limit. */
const MOST: Readonly<Record<string, number>> = {
  max_length: 100_000,
  max_new_tokens: 100_000,
  num_beams: 256,
  num_return_sequences: 256,
};

/**
 * @param file file of the checkpoint's options
 * @param vocabulary number of token ids
 */
export function createOptions(
  file: string,
  values: ReadonlyMap<string, unknown>,
  overrides: GenerationOverrides,
  vocabulary: number,
): Options {
  const isOverridden = (name: string): boolean => Object.hasOwn(overrides, name);
  const raw = (name: string): unknown => (isOverridden(name) ? overrides[name] : values.get(name));
  const error = (names: string | readonly string[], message: string) =>
    [names].flat().some(isOverridden) ? new UsageError(message) : new CheckpointError(`${file}: ${message}`);
  const wrong = (name: string, kind: string) => error(name, `${name} is ${JSON.stringify(raw(name))}, not ${kind}`);

  function typed<T>(name: string, fallback: T, kind: string, guard: (value: unknown) => value is T): T {
    const value = raw(name);
    if (value == null) return fallback;
    if (guard(value)) return value;
    throw wrong(name, kind);
  }
  const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);

  function inVocabulary(name: string, id: number): number {
    if (id >= 0 && id < vocabulary) return id;
    throw error(name, `${name} is ${id}, but the vocabulary has ${vocabulary} tokens`);
  }

  const integer = (name: string, fallback: number, least: number): number => {
    const most = MOST[name] ?? Number.MAX_SAFE_INTEGER;
    const kind = name in MOST ? `a whole number from ${least} to ${most}` : `a whole number from ${least}`;
    return typed(name, fallback, kind, (value): value is number => isInteger(value) && value >= least && value <= most);
  };

  return {
    names: [...new Set([...values.keys(), ...Object.keys(overrides)])],
    isOverridden,
    raw,
    error,
    integer,
    integerOrNull: (name, least) => (raw(name) == null ? null : integer(name, least, least)),
    number(name, fallback, { above = -Infinity, least = -Infinity, most = Infinity } = {}) {
      const bounds = above > -Infinity ? ` above ${above}` : least > -Infinity ? ` from ${least} to ${most}` : '';
      return typed(name, fallback, `a number${bounds}`, (value): value is number => {
        return typeof value === 'number' && value > above && value >= least && value <= most && Number.isFinite(value);
      });
    },
    boolean: (name, fallback) =>
      typed(name, fallback, 'true or false', (value): value is boolean => typeof value === 'boolean'),
    token(name) {
      const value = typed(name, null, 'a token id', (id): id is number | null => isInteger(id));
      return value === null ? null : inVocabulary(name, value);
    },
    tokens(name) {
      const value = raw(name);
      if (value == null) return [];
      if (isInteger(value)) return [inVocabulary(name, value)];
      if (Array.isArray(value) && value.every(isInteger)) return value.map((id) => inVocabulary(name, id));
      throw wrong(name, 'a whole number or a list of them');
    },
    tokenLists(name) {
      const value = raw(name);
      if (value == null) return [];
      const isList = (list: unknown): list is number[] =>
        Array.isArray(list) && list.length > 0 && list.every(isInteger);
      if (!Array.isArray(value) || value.length === 0 || !value.every(isList)) {
        throw error(name, `${name} must be a list of lists of token ids, none of them empty`);
      }
      return value.map((list) => list.map((id) => inVocabulary(name, id)));
    },
  };
}
