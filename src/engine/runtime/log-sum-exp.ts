/** ln Σ exp(logit) at the given places of `count`, from the slices' largest logits and their shares of the slices' sums. */
export function logSumExp(
  maxima: Float32Array,
  shares: Float32Array,
  places: readonly number[],
  count: number,
): Float32Array {
  const slices = maxima.length / count;
  return Float32Array.from(places, (place) => {
    const own = maxima.subarray(place * slices, (place + 1) * slices);
    const highest = own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = own.reduce((total, max, s) => total + Math.exp(max - highest) / (shares[place * slices + s] ?? 1), 0);
    return highest + Math.log(sum);
  });
}
