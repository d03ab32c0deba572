/** Base of every error that detoxq throws on purpose: the message says what is wrong, where, and what to do. */
export class DetoxqError extends Error {
  override readonly name: string = 'DetoxqError';
  /** Exit code of the command line for this cause. */
  readonly exitCode: number = 1;
}

/** The caller asked for something that cannot be: an unknown option, column, run, checkpoint. */
export class UsageError extends DetoxqError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** The dataset cannot be read as what it claims to be. The message has the file and, where there is one, the line. */
export class DatasetError extends DetoxqError {
  override readonly name = 'DatasetError';
}

/** Postgres or Redis cannot be reached or refuses us. Worth another try later. */
export class ServiceError extends DetoxqError {
  override readonly name = 'ServiceError';
}

/** A run requires more than this version knows. Nothing of it was changed: newer versions work on it. */
export class UnsupportedRunError extends DetoxqError {
  override readonly name = 'UnsupportedRunError';
}

/** `DETOXQ_HOME` cannot be written. The message says why (on a full disk, how full it is) and what to do. */
export class HomeError extends ServiceError {}

/** A checkpoint or compiled graph is broken or of a kind that is not supported. */
export class CheckpointError extends DetoxqError {
  override readonly name = 'CheckpointError';
}

/** What models were to run on is not there, or cannot run them. */
export class DeviceError extends DetoxqError {
  override readonly name = 'DeviceError';
}

/** A model hub cannot be reached, refuses us, or gives something else than it promised. */
export class HubError extends DetoxqError {
  override readonly name: string = 'HubError';
}

/** The `code` of an error of Node, a library or a service: `ENOENT`, `ECONNREFUSED`, `40001`; empty where it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/**
 * What is said of an error that no one threw on purpose. Its own message may quote the text of a row (that of a failed
 * `JSON.parse` does), so only its kind and its place come through.
 */
export function describeDefect(error: unknown): string {
  const kind = error instanceof Error ? error.name : 'an unknown value';
  const frame = error instanceof Error ? error.stack?.split('\n').find((line) => /^\s+at /.test(line)) : undefined;
  return `${kind} was thrown ${frame?.trim() ?? ''}`.trim();
}
