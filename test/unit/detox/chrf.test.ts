import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chrf } from '../../../src/detox/chrf.ts';

describe('chrf', () => {
  /** Hypothesis, reference, and sacreBLEU 2.6.0's sentence score / 100 (nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no). */
  it.each<[string, string, number]>([
    ['You are not very smart, Kevin!', "You're such an idiot, Kevin!", 0.34700918957888044],
    ['the cat sat on the mat', 'the cat sat on the mat', 1],
    ['Be quiet.', 'Shut up.', 0.06944444444444445],
    ['abc', 'xyz', 0],
    ['a', 'a', 1],
    ['ab', 'a', 0.8333333333333335],
    ['a b c d', 'abcd', 1],
    [
      'I don’t care about your “benchmarks”, show me.',
      'I don’t give a damn about your “benchmarks”, show me.',
      0.7502183510234629,
    ],
    ['Zoë 🎉 naïve', 'Zoë 🎉🎉 naive', 0.33831344087602944],
    ['aaaaaaa', 'aaa', 0.7023643949930458],
    ['aaa', 'aaaaaaa', 0.3710506980161646],
    ['abababab', 'babababa', 0.8873015873015874],
    ['WHY IS THIS APP CRASHING AGAIN', 'WHY IS THIS STUPID APP CRASHING AGAIN', 0.7276322998263587],
    ['one two three', 'three two one', 0.5140873015873015],
    ['hello', 'hello world, this is a much longer reference than that', 0.08449674770491844],
    ['你好世界', '你好,世界!', 0.28735632183908044],
    ['This  has\tspaces\n here', 'Thishasspaceshere', 1],
  ])('of %j against %j', (hypothesis, reference, expected) => {
    expect(chrf(hypothesis, reference)).toBeCloseTo(expected, 12);
  });

  it('counts only what differs, with the result of counting everything', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é', '😀'), maxLength: 40 });
    fc.assert(
      fc.property(letters, letters, letters, letters, (start, ours, theirs, end) => {
        const [hypothesis, reference] = [start + ours + end, start + theirs + end];
        expect(chrf(hypothesis, reference)).toBeCloseTo(countedInFull(hypothesis, reference), 12);
      }),
    );
  });

  it('is quick on long texts that differ in one place', () => {
    const long = 'lorem ipsum dolor sit amet '.repeat(40_000);
    expect(chrf(`${long}nice ${long}`, `${long}bad ${long}`)).toBeGreaterThan(0.999);
  });
});

/** The definition, without shortcuts. */
function countedInFull(hypothesis: string, reference: string): number {
  const [ours, theirs] = [[...hypothesis], [...reference]];
  let [p, r, orders] = [0, 0, 0];
  for (let n = 1; n <= 6; n++) {
    const grams = (chars: string[]) => chars.slice(n - 1).map((_, i) => chars.slice(i, i + n).join(''));
    const [have, want] = [grams(ours), grams(theirs)];
    if (have.length === 0 || want.length === 0) break;
    const left = [...want];
    const shared = have.filter((gram) => {
      const at = left.indexOf(gram);
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    }).length;
    p += shared / have.length;
    r += shared / want.length;
    orders++;
  }
  if (orders === 0 || p === 0) return 0;
  return (5 * (p / orders) * (r / orders)) / ((4 * p) / orders + r / orders);
}
