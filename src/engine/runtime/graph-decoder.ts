import type { DecoderShape } from '../onnx/values.ts';
import type { Decoder, Decoding, StepRequest, StepScores } from './decoder.ts';
import { createTextEncoder, type EncodedTexts, type TextEncoderOptions } from './encoded-texts.ts';
import { createKeyValueCache, type Lineage } from './key-value-cache.ts';
import { logSumExp } from './log-sum-exp.ts';
import type { Session, Value } from './session.ts';

interface GraphDecoderOptions extends Omit<TextEncoderOptions, 'reuseMemory'> {
  /** The graph that `searchStep` makes. */
  readonly step: Session;
}

/** Positions of ended texts are removed if the others need at most this share. Moving the texts has a cost. */
const NARROW_BELOW = 0.75;

/** A decoder over the compiled graphs of an encoder and of one step. Its decodings are independent of each other. */
export function createGraphDecoder(options: GraphDecoderOptions): Decoder {
  const read = createTextEncoder({ ...options, reuseMemory: false });
  return {
    async open(rows, copies) {
      // The same row may occur twice, so a row is identified by its place in the list.
      const sources = await read(rows.map(({ tokens }, index) => ({ index, tokens })));
      const hypotheses = rows.flatMap((_, row) => Array.from({ length: copies }, () => row));
      return createDecoding(options.step, options.shape, sources, hypotheses);
    },
  };
}

/**
 * Hypotheses as the graph takes them: `count × width` slots, the same number for each text that still has a hypothesis. Equal
 * hypotheses share a slot. An unused slot continues the first slot of its text, and its output is ignored.
 */
interface Rectangle {
  /** Hypothesis in each slot; the text's first one in an unused slot. */
  readonly hypotheses: readonly number[];
  /** Slot of each hypothesis. */
  readonly slots: readonly number[];
}

/**
 * @param texts for each hypothesis the place of its text among `count` texts, each of which occurs
 * @param twins for each hypothesis the first one that is equal to it
 */
function arrange(texts: readonly number[], count: number, twins: readonly number[]): Rectangle {
  const groups: number[][] = Array.from({ length: count }, () => []);
  texts.forEach((text, hypothesis) => {
    if (twins[hypothesis] === hypothesis) groups[text]?.push(hypothesis);
  });
  const width = Math.max(0, ...groups.map((group) => group.length));
  const hypotheses = groups.flatMap((group) => Array.from({ length: width }, (_, i) => group[i] ?? group[0] ?? 0));
  const slots = new Array<number>(texts.length);
  groups.forEach((group, g) => {
    group.forEach((hypothesis, i) => {
      slots[hypothesis] = g * width + i;
    });
  });
  return { hypotheses, slots: twins.map((twin) => slots[twin] ?? 0) };
}

/**
 * Finds for each hypothesis the first one that is equal to it: the same text, the same past and the same requested tokens.
 * All hypotheses of a text are equal before the first step; beams still are after a forced token, and samples as long as they
 * draw the same tokens.
 *
 * @param pasts for each hypothesis the slot that it continues
 */
function findTwins(texts: readonly number[], pasts: readonly number[], { tokens, adjusted }: StepRequest): number[] {
  const known = new Map<string, number>();
  return texts.map((text, hypothesis) => {
    const key = [text, pasts[hypothesis], tokens[hypothesis], ...(adjusted[hypothesis] ?? [])].join();
    const first = known.get(key) ?? hypothesis;
    known.set(key, first);
    return first;
  });
}

/** @param initial for each hypothesis the index of its row */
function createDecoding(
  step: Session,
  shape: DecoderShape,
  sources: EncodedTexts,
  initial: readonly number[],
): Decoding {
  const past = createKeyValueCache(shape);
  let rowOf = initial;
  /** Tokens that the slots of the last step have read, and the slot of each hypothesis. */
  let lineages: readonly Lineage[] = [];
  let heldSlots: readonly number[] = [];

  /** Removes texts without hypotheses; the last text takes the place of each. Returns the places of the others by row. */
  function dropTexts(): Map<number, number> {
    const wanted = new Set(rowOf);
    const places = sources.rows.map((_, place) => place);
    for (let i = 0; i < places.length; ) {
      const row = sources.rows[places[i] ?? 0];
      if (row !== undefined && wanted.has(row.index)) i++;
      else if (i === places.length - 1) places.pop();
      else places[i] = places.pop() ?? 0;
    }
    if (places.length < sources.rows.length) sources.keep(places, NARROW_BELOW);
    return new Map(sources.rows.map((row, place) => [row.index, place]));
  }

  function inputs(request: StepRequest, { hypotheses }: Rectangle): Record<string, Value> {
    const count = hypotheses.length;
    const integers = (value: (hypothesis: number) => number): Value => {
      return { type: 'int64', data: BigInt64Array.from(hypotheses, (h) => BigInt(value(h))), dims: [count] };
    };
    const longest = Math.max(1, ...request.adjusted.map((list) => list.length));
    const adjusted = new BigInt64Array(count * longest).fill(-1n);
    hypotheses.forEach((hypothesis, slot) => {
      request.adjusted[hypothesis]?.forEach((token, i) => {
        adjusted[slot * longest + i] = BigInt(token);
      });
    });
    return {
      ...sources.inputs(true),
      tokens: integers((hypothesis) => request.tokens[hypothesis] ?? 0),
      adjusted: { type: 'int64', data: adjusted, dims: [count, longest] },
      top: { type: 'int64', data: BigInt64Array.of(BigInt(request.top)), dims: [1] },
    };
  }

  return {
    async step(request, order) {
      const continued = order ?? rowOf.map((_, hypothesis) => hypothesis);
      const count = continued.length;
      if (request.tokens.length !== count || request.adjusted.length !== count) {
        throw new RangeError(`${count} hypotheses go on, but there are ${request.tokens.length} tokens for them`);
      }
      rowOf = continued.map((from) => {
        const row = rowOf[from];
        if (row === undefined) throw new RangeError(`there is no hypothesis ${from} of ${rowOf.length} to go on with`);
        return row;
      });
      if (count === 0) return nothing();
      const places = dropTexts();
      const texts = rowOf.map((row) => places.get(row) ?? 0);
      const pasts = continued.map((from) => heldSlots[from] ?? 0);
      const rectangle = arrange(texts, places.size, findTwins(texts, pasts, request));
      const read = rectangle.hypotheses.map((hypothesis) => lineages[pasts[hypothesis] ?? 0] ?? []);
      const outputs = await step.run({ ...inputs(request, rectangle), ...past.inputs(read) });
      lineages = past.add(read, (part) => outputs.floats(`new_${part}`));
      heldSlots = rectangle.slots;
      const held = rectangle.hypotheses.length;
      const adjusted = outputs.floats('adjusted_logits');
      const longest = adjusted.length / held;
      return {
        topTokens: gather(outputs.integers('top_tokens'), rectangle.slots, request.top, (n) => new BigInt64Array(n)),
        topLogits: gather(outputs.floats('top_logits'), rectangle.slots, request.top, (n) => new Float32Array(n)),
        logSumExp: logSumExp(outputs.floats('maxima'), outputs.floats('shares'), rectangle.slots, held),
        adjustedLogits: rectangle.slots.map((slot, hypothesis) => {
          const start = slot * longest;
          return adjusted.subarray(start, start + (request.adjusted[hypothesis]?.length ?? 0));
        }),
      };
    },
  };
}

function nothing(): StepScores {
  return {
    topTokens: new BigInt64Array(0),
    topLogits: new Float32Array(0),
    adjustedLogits: [],
    logSumExp: new Float32Array(0),
  };
}

/** The blocks of `size` values at the given places; the array itself if they are in this order already. */
function gather<T extends Float32Array | BigInt64Array>(
  values: T,
  places: readonly number[],
  size: number,
  make: (length: number) => T,
): T {
  if (values.length === places.length * size && places.every((place, i) => place === i)) return values;
  const result = make(places.length * size);
  places.forEach((place, i) => {
    for (let j = 0; j < size; j++) result[i * size + j] = values[place * size + j] ?? 0;
  });
  return result;
}
