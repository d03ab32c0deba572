import type { RunState } from './run.ts';

/**
 * What an error is about, by its code, for programs that act on it. Messages name no command of the command line: it adds
 * the next one itself, by the code (src/cli/advice.ts).
 */
export interface ErrorData {
  /** There is no run at all. */
  no_runs: Readonly<Record<string, never>>;
  /** `run` is the id or name that was asked for. */
  run_not_found: { readonly run: string };
  /** Only a run that has ended can be deleted. */
  run_not_ended: { readonly run: string; readonly state: RunState };
  /** The schema has become newer than this version, which stopped work on the run. */
  version_outdated: { readonly run: string };
  /** The database has no tables of detoxq. */
  schema_missing: Readonly<Record<string, never>>;
  /** The tables are older than this version. */
  schema_outdated: Readonly<Record<string, never>>;
  /** The tables are in other schemas; `free` is one that a second installation could use. */
  schema_elsewhere: { readonly schema: string; readonly installations: readonly string[]; readonly free: string };
  /** The user of Postgres has no rights to the tables. */
  rights_missing: Readonly<Record<string, never>>;
  /** The user of Postgres may not make roles or grant rights. */
  roles_refused: Readonly<Record<string, never>>;
  /** A query that does not only read. */
  query_not_read_only: Readonly<Record<string, never>>;
  /** A checkpoint that is known by this name, and was not pulled to this machine. */
  checkpoint_not_pulled: { readonly checkpoint: string };
  /** No checkpoint of this name; `hub` when it could be a name on a hub. */
  checkpoint_not_found: { readonly checkpoint: string; readonly hub: boolean };
  /** Files of a pulled checkpoint are not what was pulled; `checkpoint` is its id with the revision, where it is known. */
  checkpoint_damaged: { readonly checkpoint: string | null };
  /** A checkpoint that has only ONNX graphs; `baseModel` is what they were made from, where the card says it. */
  checkpoint_is_export: { readonly baseModel: string | null };
  /** A file of weights that is a pointer of Git LFS. */
  checkpoint_is_pointer: Readonly<Record<string, never>>;
  /** `HF_HUB_OFFLINE` forbids to fetch the checkpoint. */
  hub_offline: { readonly checkpoint: string; readonly id: string };
  /** An encoding that is not known. */
  encoding_unknown: { readonly encoding: string };
}
export type ErrorCode = keyof ErrorData;

/** A code with its data. */
export type ErrorDetails = {
  [Code in ErrorCode]: { readonly code: Code; readonly data: ErrorData[Code] };
}[ErrorCode];

/** Base of every error that detoxq throws on purpose: the message says what is wrong, and where. */
export class DetoxqError extends Error {
  override readonly name: string = 'DetoxqError';
  /** Exit code of the command line for this cause. */
  readonly exitCode: number = 1;
  /** What the error is about, where a program could act on it. Narrows `data` by `code`. */
  readonly details: ErrorDetails | undefined;

  /**
   * @example
   * throw new UsageError(`there is no run ${run}`, { code: 'run_not_found', data: { run } });
   */
  constructor(message: string, options: ErrorOptions & Partial<ErrorDetails> = {}) {
    super(message, options);
    const { code, data } = options;
    this.details = code === undefined ? undefined : ({ code, data } as ErrorDetails);
  }

  /** Stable, for programs; undefined for errors that only a person can do something about. */
  get code(): ErrorCode | undefined {
    return this.details?.code;
  }

  /** The particulars of `code`. */
  get data(): ErrorData[ErrorCode] | undefined {
    return this.details?.data;
  }
}

/** The caller asked for something that cannot be: an unknown option, column, run, checkpoint. */
export class UsageError extends DetoxqError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** The dataset is not in the format that it claims. The message has the file and, where known, the line. */
export class DatasetError extends DetoxqError {
  override readonly name = 'DatasetError';
}

/** Postgres or Redis cannot be reached, or refuses the connection. Another try later may succeed. */
export class ServiceError extends DetoxqError {
  override readonly name = 'ServiceError';
}

/** A run requires more than this version knows. Nothing of it was changed, and newer versions work on it. */
export class UnsupportedRunError extends DetoxqError {
  override readonly name = 'UnsupportedRunError';
}

/** `DETOXQ_HOME` cannot be written. The message says why (on a full disk, how full it is) and what to do. */
export class HomeError extends ServiceError {}

/** A checkpoint or compiled graph is broken or of a kind that is not supported. */
export class CheckpointError extends DetoxqError {
  override readonly name = 'CheckpointError';
}

/** The device that models should run on is missing, or cannot run them. */
export class DeviceError extends DetoxqError {
  override readonly name = 'DeviceError';
}

/** A model hub cannot be reached, refuses the request, or gives other data than it announced. */
export class HubError extends DetoxqError {
  override readonly name: string = 'HubError';
}

/** The `code` of an error of Node, a library or a service: `ENOENT`, `ECONNREFUSED`, `40001`; empty where it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/**
 * A message for an error that was not thrown on purpose. Its own message may quote the text of a row (that of a failed
 * `JSON.parse` does), so only its kind and its place are shown.
 */
export function describeDefect(error: unknown): string {
  const kind = error instanceof Error ? error.name : 'an unknown value';
  const frame = error instanceof Error ? error.stack?.split('\n').find((line) => /^\s+at /.test(line)) : undefined;
  return `${kind} was thrown ${frame?.trim() ?? ''}`.trim();
}
