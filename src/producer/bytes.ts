import type { Readable } from 'node:stream';
import { pipeline, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { DatasetError, DetoxqError, UsageError } from '../contract/errors.ts';
import type { Input } from './input.ts';
import { READ_BYTES } from './input.ts';
import { splitZstdFrames } from './zstd-frames.ts';

/** Counts what was read from the input itself, before decompression. */
export interface ByteCount {
  bytes: number;
}

/** Formats that are certainly no text, told by their first bytes. */
const FOREIGN: readonly { readonly magic: readonly number[]; readonly what: string }[] = [
  { magic: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive (.zip, .xlsx, …); unpack it, or save it as CSV' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], what: 'xz-compressed; pipe it: xz -dc FILE | detoxq … - --format …' },
  { magic: [0x42, 0x5a, 0x68], what: 'bzip2-compressed; pipe it: bzip2 -dc FILE | detoxq … - --format …' },
  { magic: [0x50, 0x41, 0x52, 0x31, 0x15], what: 'a Parquet file, which is not read; export it as CSV or JSONL' },
];

/**
 * The bytes of an input, decompressed where its first bytes say gzip or zstd.
 * Throws DatasetError when it is damaged, ends early, or changed while it was read.
 */
export async function* readBytes(input: Input, count: ByteCount): AsyncGenerator<Buffer> {
  const stream = input.open();
  try {
    const raw = counted(stream, count);
    const { head, whole } = await peek(raw, 6);
    const kind = compressionOf(head);
    if (kind === 'gzip') {
      yield* throughStream(whole, zlib.createGunzip({ chunkSize: READ_BYTES }));
    } else if (kind === 'zstd') {
      yield* throughZstd(whole);
    } else {
      rejectForeign(head, input.name);
      yield* whole;
    }
  } catch (error) {
    // What looks damaged may have been written over.
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
async function peek(source: AsyncGenerator<Buffer>, bytes: number) {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < bytes) {
    const next = await source.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* source;
  }
  return { head, whole: whole() };
}

function compressionOf(head: Buffer): 'gzip' | 'zstd' | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.length < 4) return null;
  const magic = head.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? 'zstd' : null;
}

function rejectForeign(head: Buffer, name: string): void {
  const foreign = FOREIGN.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
  if (foreign !== undefined) throw new DatasetError(`${name}: is ${foreign.what}`);
}

async function* throughStream(source: AsyncIterable<Buffer>, decoder: Transform): AsyncGenerator<Buffer> {
  // An error of either reaches the reader of the decoder.
  pipeline(source, decoder, () => {});
  for await (const chunk of decoder) yield chunk;
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
    yield* throughStream(frame(), createDecompress());
  }
}

function explained(error: unknown, name: string): Error {
  if (error instanceof DatasetError) return error;
  if (error instanceof UsageError) return new UsageError(`${name}: ${error.message}`, { cause: error });
  if (error instanceof DetoxqError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') {
    return new DatasetError(`${name}: the compressed data ends early; the file was cut short`, { cause: error });
  }
  if (code.startsWith('Z')) {
    return new DatasetError(`${name}: the compressed data is damaged (${reason})`, { cause: error });
  }
  return new DatasetError(`${name}: cannot be read (${reason})`, { cause: error });
}
