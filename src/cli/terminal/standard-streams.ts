import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { DetoxqError } from '../../contract/errors.ts';
import { fileFault, isSystemError } from '../../contract/file-errors.ts';
import { forScreen } from './visible.ts';

/** Whoever read standard output has ended: `detoxq query --json … | head -1`. The command ends without a word. */
export class ReaderGone extends DetoxqError {
  override readonly name = 'ReaderGone';
  override readonly exitCode = 0;
}

/** Set once standard output takes no more. */
let failure: DetoxqError | null = null;
/** Whether `print` has thrown it. */
let reported = false;

/**
 * Call it once, before anything is printed. A reader that ends early causes no error: later output is dropped, and the
 * command keeps its exit code. Any other failure is kept for `outputFailure`.
 */
export function guardStandardStreams(): void {
  process.stdout.on('error', (error) => {
    failure ??= explained(error);
  });
  // Standard error is the last place for a message.
  process.stderr.on('error', () => {});
  for (const stream of [process.stdout, process.stderr]) {
    if (!(stream instanceof Socket)) writeWhole(stream);
  }
  // Standard error is for people, wherever it goes. What a program reads from standard output is exact.
  disarm(process.stderr);
  if (process.stdout.isTTY) disarm(process.stdout);
}

/** Names in a message may come from a checkpoint, a hub or a dataset: no control among them reaches a terminal. */
export function disarm(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = (text: unknown, ...rest: unknown[]): boolean =>
    write(typeof text === 'string' ? forScreen(text) : text, ...rest);
}

/**
 * Prints to standard output and waits until the text is taken. Commands that print piece by piece use it, so that they stop
 * when their reader has ended.
 *
 * @throws ReaderGone, or DetoxqError when it could not be written
 */
export async function print(text: string): Promise<void> {
  if (failure === null) await written(text);
  if (failure === null) return;
  reported = true;
  throw failure;
}

/** Waits until all is written. Null when it is, when its reader has ended, or when `print` has thrown what went wrong. */
export async function outputFailure(): Promise<DetoxqError | null> {
  await written('');
  return failure instanceof ReaderGone || reported ? null : failure;
}

/** The event of an error comes after the callback of its write. */
function written(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => setImmediate(resolve));
  });
}

function explained(error: unknown): DetoxqError {
  if (isSystemError(error) && error.code === 'EPIPE') {
    return new ReaderGone('The reader of standard output has ended.', { cause: error });
  }
  return new DetoxqError(`Cannot write to standard output: ${fileFault(error)}. What it has is not complete.`, {
    cause: error,
  });
}

/**
 * Where standard output is a file, Node writes once. When the disk becomes full in the middle, Node drops the rest without an
 * error. Here the rest is written in a second call, which gets the error.
 */
function writeWhole(stream: NodeJS.WriteStream & { readonly fd: number }): void {
  stream._write = (chunk: Uint8Array | string, encoding, callback) => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(stream.fd, bytes, at);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    callback();
  };
}
