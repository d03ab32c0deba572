import { CheckpointError } from '../../../contract/errors.ts';
import { readCheckpointJson } from '../checkpoint-file.ts';

/** Reads a JSON object of a checkpoint, field by field. Every error names file and field. */
export interface Fields {
  readonly file: string;
  /** Names of all fields that are present, even if their value is null. */
  readonly names: readonly string[];
  /** The value as parsed; undefined if absent. */
  raw(name: string): unknown;
  integer(name: string, fallback?: number): number;
  /** A whole number from 1. */
  size(name: string, fallback?: number): number;
  number(name: string, fallback?: number): number;
  boolean(name: string, fallback: boolean): boolean;
  string(name: string, fallback?: string): string;
  /** Null if the field is absent or null. */
  integerOrNull(name: string): number | null;
  /** One id or a list of ids; an empty list if the field is absent or null. */
  integers(name: string): readonly number[];
  /** An error about this file. */
  error(message: string): CheckpointError;
}

export function readFields(file: string): Fields {
  const value = readCheckpointJson(file);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CheckpointError(`${file} is not a JSON object`);
  }
  return createFields(file, new Map(Object.entries(value)));
}

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);
const isSize = (value: unknown): value is number => isInteger(value) && value > 0;
const isNumber = (value: unknown): value is number => Number.isFinite(value);
/** The largest models have about a hundred layers, and vocabularies of a few hundred thousand tokens. */
const MOST_LAYERS = 1_000;
const MOST_SIZE = 100_000_000;

export function createFields(file: string, values: ReadonlyMap<string, unknown>): Fields {
  const error = (message: string) => new CheckpointError(`${file}: ${message}`);

  function typed<T>(name: string, kind: string, guard: (value: unknown) => value is T, fallback?: T): T {
    const value = values.get(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (guard(value)) return value;
    throw error(value === undefined ? `${name} is missing` : `${name} is ${shown(value)}, not ${kind}`);
  }
  /** Checked before anything of this size is allocated. */
  function bounded(name: string, value: number): number {
    const most = /layer/.test(name) ? MOST_LAYERS : MOST_SIZE;
    if (value > most) throw error(`${name} is ${value}; ${most} is the most that can be read`);
    return value;
  }

  return {
    file,
    names: [...values.keys()],
    error,
    raw: (name) => values.get(name),
    integer: (name, fallback) => typed(name, 'a whole number', isInteger, fallback),
    size: (name, fallback) => bounded(name, typed(name, 'a whole number from 1', isSize, fallback)),
    number: (name, fallback) => typed(name, 'a finite number', isNumber, fallback),
    boolean: (name, fallback) => typed(name, 'true or false', (v): v is boolean => typeof v === 'boolean', fallback),
    string: (name, fallback) => typed(name, 'a string', (v): v is string => typeof v === 'string', fallback),
    integerOrNull: (name) => (values.get(name) == null ? null : typed(name, 'a whole number', isInteger)),
    integers(name) {
      const value = values.get(name);
      if (value == null) return [];
      if (isInteger(value)) return [value];
      if (Array.isArray(value) && value.every(isInteger)) return value;
      throw error(`${name} is ${shown(value)}, not a whole number or a list of them`);
    },
  };
}

/** A value in an error message. Its first characters are enough. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
