import { once } from 'node:events';
import { pipeline } from 'node:stream';
import * as zlib from 'node:zlib';
import { READ_BYTES } from './input.ts';

/**
 * Decompresses a gzip stream of any number of members (RFC 1952, 2.2), with zero bytes between and after them, as
 * tapes and block devices leave them. Throws for anything else after a member, and for a member that is cut short.
 *
 * Node's decompressor reads on from member to member, but takes a zero byte for the end of the file and loses what
 * follows without an error. So the bytes that it took are counted, and another one gets the rest.
 */
export async function* gunzipMembers(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer | null = await nextPiece(iterator);
  while (rest !== null) {
    const decoder = zlib.createGunzip({ chunkSize: READ_BYTES });
    const feed = createFeed(iterator, rest, decoder);
    // An error of either reaches the reader of the decoder.
    pipeline(feed.pieces(), decoder, () => {});
    for await (const chunk of decoder) yield chunk;
    // Closed only when the last piece is counted.
    if (!decoder.closed) await once(decoder, 'close');
    rest = await skipZeros(await feed.left(), iterator);
    if (rest !== null && rest[0] !== 0x1f) throw new Error(FOLLOWED_BY_GARBAGE);
  }
}

/** Also the words of Node's decompressor for it, which meets the first header only after we have seen its magic. */
export const FOLLOWED_BY_GARBAGE = 'incorrect header check';

interface Feed {
  pieces(): AsyncGenerator<Buffer>;
  /** What the decoder was given, or was about to be given, and did not take. */
  left(): Promise<Buffer>;
}

function createFeed(iterator: AsyncIterator<Buffer>, first: Buffer, decoder: zlib.Gunzip): Feed {
  /** The bytes from the first one on that may not have been taken. */
  const given: Buffer[] = [first];
  let dropped = 0;
  let coming: Promise<Buffer | null> | null = null;

  function dropTaken(): void {
    while (given.length > 1 && dropped + (given[0]?.length ?? 0) <= decoder.bytesWritten) {
      dropped += given.shift()?.length ?? 0;
    }
  }

  async function next(): Promise<Buffer | null> {
    const piece = await nextPiece(iterator);
    if (piece !== null) given.push(piece);
    return piece;
  }

  return {
    async *pieces() {
      yield first;
      for (;;) {
        dropTaken();
        coming = next();
        const piece = await coming;
        if (piece === null) return;
        yield piece;
      }
    },
    async left() {
      // A read may be under way that the decoder no longer waits for.
      await coming;
      return Buffer.concat(given).subarray(decoder.bytesWritten - dropped);
    },
  };
}

async function nextPiece(iterator: AsyncIterator<Buffer>): Promise<Buffer | null> {
  for (;;) {
    const next = await iterator.next();
    if (next.done) return null;
    if (next.value.length > 0) return next.value;
  }
}

/** From the first byte on that is not zero; null when all are zero. */
async function skipZeros(start: Buffer, iterator: AsyncIterator<Buffer>): Promise<Buffer | null> {
  for (let piece: Buffer | null = start; piece !== null; piece = await nextPiece(iterator)) {
    const from = piece.findIndex((byte) => byte !== 0);
    if (from !== -1) return piece.subarray(from);
  }
  return null;
}
