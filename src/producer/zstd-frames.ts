import { FOLLOWED_BY_GARBAGE } from './gzip-members.ts';

/** A piece of one zstd frame; the `last` one is empty and ends the frame. */
interface FramePiece {
  readonly data: Buffer;
  readonly last: boolean;
}

/**
 * Cuts a zstd stream into its frames (RFC 8878, 3.1), without decompressing, and drops skippable frames.
 *
 * Node's decompressor stops after the first frame and loses the others without an error
 * (nodejs/node#64741), so each frame gets a decompressor of its own. `pzstd` and `cat a.zst b.zst` write several.
 * Throws where the bytes are not zstd frames; a frame cut short is left to the decompressor to report.
 */
export async function* splitZstdFrames(source: AsyncIterable<Buffer>): AsyncGenerator<FramePiece> {
  const reader = createPull(source);
  for (;;) {
    const magic = await reader.take(4);
    if (magic.length === 0) return;
    if (magic.length < 4) throw new Error('ends in the middle of a frame');
    const number = magic.readUInt32LE(0);
    if ((number & 0xfffffff0) >>> 0 === 0x184d2a50) {
      const size = await reader.take(4);
      if (size.length < 4 || !(await reader.skip(size.readUInt32LE(0)))) throw new Error('ends in a skippable frame');
    } else if (number === 0xfd2fb528) {
      yield* frame(magic, reader);
    } else {
      throw new Error(FOLLOWED_BY_GARBAGE);
    }
  }
}

interface Pull {
  /** Up to `count` bytes; fewer only at the end of the source. */
  take(count: number): Promise<Buffer>;
  /** What is there of the next `count` bytes, at least one byte; empty at the end of the source. */
  some(count: number): Promise<Buffer>;
  /** False when the source ended before. */
  skip(count: number): Promise<boolean>;
}

async function* frame(magic: Buffer, reader: Pull): AsyncGenerator<FramePiece> {
  yield { data: magic, last: false };
  const descriptor = await reader.take(1);
  const flags = descriptor[0] ?? 0;
  const singleSegment = (flags & 0x20) !== 0;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  const header = await reader.take((singleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes);
  yield { data: Buffer.concat([descriptor, header]), last: false };
  const checksumBytes = (flags & 4) === 0 ? 0 : 4;
  for (;;) {
    const blockHeader = await reader.take(3);
    yield { data: blockHeader, last: false };
    if (blockHeader.length < 3) return;
    const bits = blockHeader.readUIntLE(0, 3);
    const isLast = (bits & 1) === 1;
    let left = ((bits >> 1) & 3) === 1 ? 1 : bits >> 3;
    if (isLast) left += checksumBytes;
    while (left > 0) {
      const data = await reader.some(left);
      if (data.length === 0) return;
      left -= data.length;
      yield { data, last: false };
    }
    if (isLast) {
      yield { data: Buffer.alloc(0), last: true };
      return;
    }
  }
}

function createPull(source: AsyncIterable<Buffer>): Pull {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  async function some(count: number): Promise<Buffer> {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done) return Buffer.alloc(0);
      rest = next.value;
    }
    const piece = rest.subarray(0, count);
    rest = rest.subarray(piece.length);
    return piece;
  }
  async function take(count: number): Promise<Buffer> {
    const first = await some(count);
    if (first.length === count) return first;
    const pieces = [first];
    let left = count - first.length;
    while (left > 0) {
      const piece = await some(left);
      if (piece.length === 0) break;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }
  async function skip(count: number): Promise<boolean> {
    let left = count;
    while (left > 0) {
      const piece = await some(left);
      if (piece.length === 0) return false;
      left -= piece.length;
    }
    return true;
  }
  return { some, take, skip };
}
