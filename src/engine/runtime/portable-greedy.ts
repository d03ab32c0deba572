import type { GreedyGeneration } from '../checkpoint/config/generation.ts';
import type { EncodedRow, InputBatch } from './batches.ts';
import type { Generated } from './greedy.ts';
import type { Session } from './session.ts';

interface PortableGreedyOptions {
  /** The graph that `portableSearch` makes. */
  readonly search: Session;
  readonly generation: GreedyGeneration;
  readonly batchesOf: (rows: readonly EncodedRow[]) => InputBatch[];
}

/**
 * Greedy search over encoded rows; results are in the order of the list. A batch is one call from source tokens to output
 * tokens, so intermediate values never leave the device. The rows of a batch stay together until the last one has ended.
 */
export function createPortableGreedySearch({
  search,
  generation,
  batchesOf,
}: PortableGreedyOptions): (rows: readonly EncodedRow[]) => Promise<Generated[]> {
  const { startToken, maxNewTokens, firstToken, lastTokens } = generation;
  const ends = new Set(generation.endTokens);
  const forced = new BigInt64Array(maxNewTokens).fill(-1n);
  if (firstToken !== null) forced[0] = BigInt(firstToken);
  const [lastToken] = lastTokens;
  if (lastToken !== undefined) forced[maxNewTokens - 1] = BigInt(lastToken);

  function read(generated: BigInt64Array, count: number, row: number): Generated {
    const tokens: number[] = [];
    for (let i = row; i < generated.length && !ends.has(tokens.at(-1) ?? -1); i += count)
      tokens.push(Number(generated[i]));
    // At the limit, a forced end token does not mean that the row had ended.
    const cut = tokens.length === maxNewTokens && lastToken !== undefined;
    return { tokens, finished: ends.has(tokens.at(-1) ?? -1) && !cut };
  }

  return async (rows) => {
    const results = new Array<Generated>(rows.length);
    // A decoder-only model starts with the last token of its prompt; the other tokens are the source.
    const sources = rows.map(({ tokens }, index) => ({
      index,
      tokens: startToken === null ? tokens.slice(0, -1) : tokens,
    }));
    for (const batch of batchesOf(sources)) {
      const count = batch.rows.length;
      const first = batch.rows.map(({ index }) => BigInt(startToken ?? rows[index]?.tokens.at(-1) ?? 0));
      const outputs = await search.run({
        ...batch.inputs,
        start: { type: 'int64', data: BigInt64Array.from(first), dims: [count] },
        forced: { type: 'int64', data: forced, dims: [maxNewTokens] },
      });
      const generated = outputs.integers('generated');
      batch.rows.forEach(({ index }, r) => {
        results[index] = read(generated, count, r);
      });
    }
    return results;
  };
}
