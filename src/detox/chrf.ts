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
  const ours = characters(hypothesis);
  const theirs = characters(reference);
  const span = changedSpan(ours, theirs);
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (let n = 1; n <= ORDERS; n++) {
    const [have, want] = [ours.count - n + 1, theirs.count - n + 1];
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

interface Characters {
  /** Without white space. */
  readonly text: string;
  /** In code points. */
  readonly count: number;
  /** Offset of code point `i` in `text`. */
  offset(i: number): number;
}

function characters(original: string): Characters {
  const text = original.replaceAll(/\s+/gu, '');
  if (!/[\ud800-\udfff]/.test(text)) return { text, count: text.length, offset: (i) => i };
  const offsets = [0];
  let at = 0;
  for (const char of text) {
    at += char.length;
    offsets.push(at);
  }
  return { text, count: offsets.length - 1, offset: (i) => offsets[i] ?? at };
}

interface ChangedSpan {
  /** Lengths of the common start and the common end (they do not overlap). */
  readonly start: number;
  readonly end: number;
}

function changedSpan(a: Characters, b: Characters): ChangedSpan {
  const same = (i: number, j: number): boolean => a.text.codePointAt(a.offset(i)) === b.text.codePointAt(b.offset(j));
  const shorter = Math.min(a.count, b.count);
  let start = 0;
  while (start < shorter && same(start, start)) start++;
  let end = 0;
  while (end < shorter - start && same(a.count - 1 - end, b.count - 1 - end)) end++;
  return { start, end };
}

/**
 * Number of n-grams that `a` has more often than `b`, summed over the n-grams. N-grams inside the common start or end cancel
 * out.
 */
function surplus(a: Characters, b: Characters, { start, end }: ChangedSpan, n: number): number {
  const counts = new Map<string, number>();
  const add = ({ text, count, offset }: Characters, step: 1 | -1): void => {
    const first = Math.max(0, start - n + 1);
    const last = Math.min(count - n, count - end - 1);
    for (let i = first; i <= last; i++) {
      const gram = text.slice(offset(i), offset(i + n));
      counts.set(gram, (counts.get(gram) ?? 0) + step);
    }
  };
  add(a, 1);
  add(b, -1);
  let total = 0;
  for (const difference of counts.values()) if (difference > 0) total += difference;
  return total;
}
