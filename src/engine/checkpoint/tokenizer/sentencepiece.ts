import { CheckpointError } from '../../../contract/errors.ts';
import { readCheckpointFile } from '../checkpoint-file.ts';

/** Types of pieces (sentencepiece_model.proto, SentencePiece.Type). */
export const PIECE_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4 } as const;

interface Piece {
  readonly text: string;
  /** Logarithm of its probability. */
  readonly score: number;
  readonly type: number;
}

interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  /** 1: unigram, 2: BPE. */
  readonly modelType: number;
  readonly unknownId: number;
  /** Table of the normalizer (see charsmap.ts); null if the model does not normalize. */
  readonly charsmap: Uint8Array | null;
}

interface Field {
  readonly number: number;
  /** A number (varint, or the bits of a fixed one) or bytes. */
  readonly value: number | Uint8Array;
}

/**
 * Reads a SentencePiece model: a `ModelProto` in the wire format of protocol buffers. It skips fields that are not needed.
 *
 * @throws CheckpointError if it is not such a model
 */
export function readSentencePiece(file: string): SentencePieceModel {
  const bytes = readCheckpointFile(file);
  const wrong = () => new CheckpointError(`${file} is not a SentencePiece model, or it is cut short`);
  const pieces: Piece[] = [];
  let modelType = 1;
  let unknownId = 0;
  let charsmap: Uint8Array | null = null;
  for (const { number, value } of fields(bytes, wrong)) {
    if (number > 3 || typeof value === 'number') continue;
    if (number === 1) pieces.push(readPiece(value, wrong));
    for (const inner of number === 1 ? [] : fields(value, wrong)) {
      if (number === 2 && inner.number === 3 && typeof inner.value === 'number') modelType = inner.value;
      if (number === 2 && inner.number === 40 && typeof inner.value === 'number') unknownId = inner.value;
      if (number === 3 && inner.number === 2 && typeof inner.value !== 'number') charsmap = inner.value;
    }
  }
  if (pieces.length === 0 || unknownId >= pieces.length) throw wrong();
  return { pieces, modelType, unknownId, charsmap: charsmap?.length ? charsmap : null };
}

function readPiece(bytes: Uint8Array, wrong: () => CheckpointError): Piece {
  let text = '';
  let score = 0;
  let type: number = PIECE_TYPE.normal;
  for (const { number, value } of fields(bytes, wrong)) {
    if (number === 1 && typeof value !== 'number') text = Buffer.from(value).toString('utf8');
    if (number === 2 && typeof value === 'number') score = floatOf(value);
    if (number === 3 && typeof value === 'number') type = value;
  }
  return { text, score, type };
}

function floatOf(bits: number): number {
  const data = new DataView(new ArrayBuffer(4));
  data.setUint32(0, bits);
  return data.getFloat32(0);
}

function* fields(bytes: Uint8Array, wrong: () => CheckpointError): Generator<Field> {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;

  function varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = bytes[at++];
      if (byte === undefined) throw wrong();
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw wrong();
  }
  function take(length: number): number {
    const start = at;
    if (length > bytes.length - at) throw wrong();
    at += length;
    return start;
  }

  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        take(8);
        break;
      case 2: {
        const length = varint();
        const start = take(length);
        yield { number, value: bytes.subarray(start, at) };
        break;
      }
      case 5:
        yield { number, value: data.getUint32(take(4), true) };
        break;
      default:
        throw wrong();
    }
  }
}
