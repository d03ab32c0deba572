import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import * as zlib from 'node:zlib';
import { DatasetError, DetoxqError, errorCode, UsageError } from '../contract/errors.ts';
import type { Dialect } from './dialect.ts';
import { FOREIGN_BYTES, foreignKind } from './foreign.ts';
import type { Format } from './format.ts';
import { FOLLOWED_BY_GARBAGE, gunzipMembers } from './gzip-members.ts';
import type { Input } from './input.ts';
import { splitZstdFrames } from './zstd-frames.ts';

/** Counts what was read from the input itself, before decompression. */
export interface ByteCount {
  bytes: number;
}

interface BytesOptions {
  readonly format: Format;
  readonly dialect: Dialect;
  readonly count: ByteCount;
}

/**
 * The bytes of an input, decompressed where its first bytes say gzip or zstd.
 * Throws DatasetError when it is damaged, ends early, changed while it was read, or is certainly not of that format.
 */
export async function* readBytes(input: Input, { format, dialect, count }: BytesOptions): AsyncGenerator<Buffer> {
  const stream = input.open();
  try {
    const raw = await peek(counted(stream, count));
    const outer = compressionOf(raw.head);
    const { head, whole } = outer === null ? raw : await peek(decompressed(raw.whole, outer));
    const foreign = foreignKind(head, format, outer, dialect);
    if (foreign !== null) throw new DatasetError(`${input.name}: ${foreign}`);
    yield* whole;
  } catch (error) {
    // The file may have been overwritten, which looks like damage.
    await rejectChanged(input);
    throw explained(error, input.name);
  } finally {
    stream.destroy();
  }
  await rejectChanged(input);
}

async function rejectChanged(input: Input): Promise<void> {
  if (!(await input.hasChanged())) return;
  throw new DatasetError(
    `${input.name}: changed while it was read, and rows of both would mix; let its writer finish, then start again`,
  );
}

async function* counted(stream: Readable, count: ByteCount): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    count.bytes += buffer.length;
    yield buffer;
  }
}

/** The first bytes, and a stream that still has them. */
async function peek(source: AsyncGenerator<Buffer>) {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < FOREIGN_BYTES) {
    const next = await source.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* source;
  }
  return { head: head.subarray(0, FOREIGN_BYTES), whole: whole() };
}

function compressionOf(head: Buffer): 'gzip' | 'zstd' | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.length < 4) return null;
  const magic = head.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? 'zstd' : null;
}

function decompressed(source: AsyncIterable<Buffer>, kind: 'gzip' | 'zstd'): AsyncGenerator<Buffer> {
  return kind === 'gzip' ? gunzipMembers(source) : throughZstd(source);
}

async function* throughZstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // Typed as always there, but Node has it since 22.15 only.
  const createDecompress: (typeof zlib)['createZstdDecompress'] | undefined = zlib.createZstdDecompress;
  if (createDecompress === undefined) {
    throw new UsageError(
      `is zstd-compressed, which needs Node 22.15 or newer (this is ${process.version}); pipe it: zstd -dc FILE | detoxq … - --format …`,
    );
  }
  const pieces = splitZstdFrames(source);
  for (;;) {
    const first = await pieces.next();
    if (first.done) return;
    const frame = async function* () {
      for (let piece = first.value; !piece.last; ) {
        yield piece.data;
        const next = await pieces.next();
        if (next.done) return;
        piece = next.value;
      }
    };
    const decoder = createDecompress();
    // An error of either reaches the reader of the decoder.
    pipeline(frame(), decoder, () => {});
    for await (const chunk of decoder) yield chunk;
  }
}

function explained(error: unknown, name: string): Error {
  if (error instanceof DatasetError) return error;
  if (error instanceof UsageError) return new UsageError(`${name}: ${error.message}`, { cause: error });
  if (error instanceof DetoxqError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = errorCode(error);
  if (code === 'Z_BUF_ERROR') {
    return new DatasetError(`${name}: the compressed data ends early; the file was cut short`, { cause: error });
  }
  if (reason === FOLLOWED_BY_GARBAGE) {
    return new DatasetError(
      `${name}: the compressed data ends, and bytes follow that are none; the file is damaged, or something was appended to it`,
      { cause: error },
    );
  }
  if (code.startsWith('Z')) {
    return new DatasetError(`${name}: the compressed data is damaged (${reason})`, { cause: error });
  }
  return new DatasetError(`${name}: cannot be read (${reason})`, { cause: error });
}
