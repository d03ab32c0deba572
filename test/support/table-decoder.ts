import type { Decoder, StepScores } from '../../src/engine/runtime/decoder.ts';

/** A model without weights, the same as in training/generation_references.py: it continues a prompt. */
export const TABLE = { vocabulary: 48, end: 2 };

/** Logits after (before, last) where `last` stands at a position: bits of a hash, exact in fp32. */
export function tableLogits(before: number, last: number, position: number): Float32Array {
  return Float32Array.from({ length: TABLE.vocabulary }, (_, token) => {
    let bits =
      Math.imul(before, 0x9e3779b1) +
      Math.imul(last, 0x85ebca6b) +
      Math.imul(position, 0xc2b2ae35) +
      Math.imul(token, 0x27d4eb2f);
    bits >>>= 0;
    bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 0;
    bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39) >>> 0;
    bits = (bits ^ (bits >>> 15)) >>> 0;
    return ((bits >>> 12) * 12) / 2 ** 20 - 6 + (token === TABLE.end ? 1 : 0);
  });
}

/** Keeps the tokens of each hypothesis and looks the logits up. `steps` counts hypotheses of each step. */
export function tableDecoder(steps: number[] = []): Decoder {
  return {
    async open(rows, copies) {
      let sequences = rows.flatMap((row) => new Array(copies).fill(row.tokens.slice(0, -1)) as number[][]);
      return {
        async step({ tokens, adjusted, top }, order) {
          if (order) sequences = order.map((from) => sequences[from]!);
          if (sequences.length !== tokens.length) throw new Error('tokens and order do not fit');
          sequences = sequences.map((sequence, i) => [...sequence, tokens[i]!]);
          steps.push(tokens.length);
          return scoresOf(
            sequences.map((ids) => tableLogits(ids.at(-2) ?? 0, ids.at(-1)!, ids.length - 1)),
            adjusted,
            top,
          );
        },
      };
    },
  };
}

export function scoresOf(
  logits: readonly Float32Array[],
  adjusted: readonly (readonly number[])[],
  top: number,
): StepScores {
  const best = logits.map((row, i) => {
    const left = new Set(adjusted[i]);
    if (left.size !== adjusted[i]!.length) throw new Error('a token is adjusted twice');
    const order = [...row.keys()].filter((token) => !left.has(token)).sort((a, b) => row[b]! - row[a]! || a - b);
    if (order.length < top) throw new Error('more tokens are asked for than there are');
    return order.slice(0, top);
  });
  return {
    topTokens: BigInt64Array.from(best.flat(), BigInt),
    topLogits: Float32Array.from(best.flatMap((order, i) => order.map((token) => logits[i]![token]!))),
    adjustedLogits: logits.map((row, i) => Float32Array.from(adjusted[i]!, (token) => row[token]!)),
    logSumExp: Float32Array.from(logits, (row) => Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0))),
  };
}
