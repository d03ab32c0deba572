/* Names and constants that a compiled graph and the code that runs it agree on. */

/** What a search needs to know about a decoder. */
export interface DecoderShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

/** Names of a decoder's caches. With `cross_` before them, they name the keys and values of the source. */
export function cacheNames({ layers }: DecoderShape): string[] {
  return Array.from({ length: layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
}

/** Added to the attention scores of padding. */
export const MASKED = -1e9;

/**
 * Prefix of a site's name. The result names the input of a static graph for the site's scale, and the output that measures
 * it.
 */
export const SCALE = 'scale:';
