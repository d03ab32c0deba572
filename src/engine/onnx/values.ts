/* Names and constants that a compiled graph and the code that runs it agree on. */

/** What a search needs to know of a decoder. */
export interface DecoderShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

/** Names of a decoder's caches; with `cross_` before them those of the source's keys and values. */
export function cacheNames({ layers }: DecoderShape): string[] {
  return Array.from({ length: layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
}

/** Added to the attention scores of padding. */
export const MASKED = -1e9;

/** Before the name of a site: the input of a static graph that is its scale, and the output that says which would do. */
export const SCALE = 'scale:';
