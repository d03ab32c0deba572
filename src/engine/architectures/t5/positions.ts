import type { Layers } from '../../compile/layers.ts';

interface RelativePositions {
  readonly heads: number;
  readonly buckets: number;
  /** All distances from here on share the last bucket. */
  readonly maxDistance: number;
}

/**
 * Bucket of a distance as in transformers (T5Attention._relative_position_bucket), computed in fp32 as there. Each near
 * distance has its own bucket; farther ones share buckets whose width grows with the logarithm.
 *
 * @param distance position of the key minus position of the query
 * @param bothWays true for an encoder: half of its buckets are for keys after the query
 */
export function bucketOf(
  distance: number,
  { buckets, maxDistance }: Omit<RelativePositions, 'heads'>,
  bothWays: boolean,
): number {
  const count = bothWays ? buckets / 2 : buckets;
  const start = bothWays && distance > 0 ? count : 0;
  const away = bothWays ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(count / 2);
  if (away < exact) return start + away;
  const { fround } = Math;
  const share = fround(fround(Math.log(fround(away / exact))) / fround(Math.log(maxDistance / exact)));
  return start + Math.min(count - 1, exact + Math.trunc(fround(share * (count - exact))));
}

/**
 * Bias that the attention scores of a side get for their distances, fp32 [heads, …shape of distances]. Only the first layer
 * has the table; all layers of the side use it.
 *
 * @param distances int64, position of the key minus position of the query
 */
export function relativeBias(
  layers: Layers,
  config: RelativePositions,
  side: 'encoder' | 'decoder',
  distances: string,
): string {
  const { graph, tensors } = layers;
  const { heads, buckets, maxDistance } = config;
  const name = `${side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
  const before = maxDistance;
  const after = side === 'encoder' ? maxDistance : 0;
  // One column per distance instead of one per bucket: [heads, distances].
  const table = layers.computed(`${name}/distances`, [heads, before + after + 1], () => {
    const weights = tensors.read(name, [buckets, heads]);
    const values = new Float32Array(heads * (before + after + 1));
    for (let distance = -before; distance <= after; distance++) {
      const bucket = bucketOf(distance, config, side === 'encoder');
      for (let head = 0; head < heads; head++) {
        values[head * (before + after + 1) + distance + before] = weights[bucket * heads + head] ?? 0;
      }
    }
    return values;
  });
  const near = graph.op('Max', [distances, graph.constant('i64', -before)]);
  const clipped = side === 'encoder' ? graph.op('Min', [near, graph.constant('i64', after)]) : near;
  return graph.op('Gather', [table, graph.op('Add', [clipped, graph.constant('i64', before)])], { axis: 1 });
}
