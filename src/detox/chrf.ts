const ORDERS = 6;
const BETA_SQUARED = 4;

/**
 * chrF of a hypothesis against a reference, 0 to 1 (Popović 2015; character n-grams of 1 to 6, β = 2, white space
 * removed), with the effective order of sacreBLEU 2: orders that one side is too short for do not count.
 *
 *     P, R = mean over the orders of (n-grams in both, clipped) / (n-grams of hypothesis, of reference)
 *     chrF = (1 + β²) · P · R / (β² · P + R)
 *
 * Equal to sacreBLEU's sentence score / 100. Time and memory grow with what differs, not with the texts.
 */
export function chrf(hypothesis: string, reference: string): number {
  const ours = [...hypothesis.replaceAll(/\s+/gu, '')];
  const theirs = [...reference.replaceAll(/\s+/gu, '')];
  const span = changedSpan(ours, theirs);
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (let n = 1; n <= ORDERS; n++) {
    const [have, want] = [ours.length - n + 1, theirs.length - n + 1];
    if (have <= 0 || want <= 0) break;
    const shared = have - surplus(ours, theirs, span, n);
    precision += shared / have;
    recall += shared / want;
    orders++;
  }
  if (orders === 0 || precision === 0) return 0;
  const [p, r] = [precision / orders, recall / orders];
  return ((1 + BETA_SQUARED) * p * r) / (BETA_SQUARED * p + r);
}

interface ChangedSpan {
  /** Characters that both begin with, and that both end with (the two do not overlap). */
  readonly start: number;
  readonly end: number;
}

function changedSpan(a: readonly string[], b: readonly string[]): ChangedSpan {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return { start, end };
}

/** How many n-grams `a` has more than `b`, summed over the n-grams. Those inside the common start or end cancel out. */
function surplus(a: readonly string[], b: readonly string[], { start, end }: ChangedSpan, n: number): number {
  const counts = new Map<string, number>();
  const count = (chars: readonly string[], step: 1 | -1): void => {
    const first = Math.max(0, start - n + 1);
    const last = Math.min(chars.length - n, chars.length - end - 1);
    for (let i = first; i <= last; i++) {
      const gram = chars.slice(i, i + n).join('');
      counts.set(gram, (counts.get(gram) ?? 0) + step);
    }
  };
  count(a, 1);
  count(b, -1);
  let total = 0;
  for (const difference of counts.values()) if (difference > 0) total += difference;
  return total;
}
