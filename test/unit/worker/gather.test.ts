import { expect, test } from 'vitest';
import { createGatherer } from '../../../src/worker/gather.ts';

/** Work that ends when it is told to. */
function heldWork() {
  const pieces: {
    items: readonly number[];
    end(results: readonly (string | Error)[]): void;
    fail(error: Error): void;
  }[] = [];
  const work = (items: readonly number[]) =>
    new Promise<readonly (string | Error)[]>((resolve, reject) => {
      pieces.push({ items, end: resolve, fail: reject });
    });
  return { work, pieces };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('calls of one turn are one piece of work, and those that come meanwhile the next', async () => {
  const { work, pieces } = heldWork();
  const call = createGatherer(work, { maxItems: 3, maxUnderWay: 1 });
  const calls = [1, 2, 3, 4].map(call);
  await turn();
  calls.push(call(5));
  await turn();
  expect(pieces.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  pieces[0]!.end(['a', 'b', 'c']);
  await turn();
  expect(pieces.map(({ items }) => items)).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  pieces[1]!.end(['d', 'e']);
  expect(await Promise.all(calls)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('as many pieces are under way as may be', async () => {
  const { work, pieces } = heldWork();
  const call = createGatherer(work, { maxItems: 1, maxUnderWay: 2 });
  void [1, 2, 3].map(call);
  await turn();
  expect(pieces.map(({ items }) => items)).toEqual([[1], [2]]);
});

test('an item fails alone where work says so, and with all others where work fails', async () => {
  const { work, pieces } = heldWork();
  const call = createGatherer(work, { maxItems: 2, maxUnderWay: 2 });
  const calls = [1, 2, 3, 4].map(call);
  await turn();
  pieces[0]!.end(['a', new Error('of 2')]);
  pieces[1]!.fail(new Error('of all'));
  const settled = await Promise.allSettled(calls);
  expect(settled.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.message))).toEqual([
    'a',
    'of 2',
    'of all',
    'of all',
  ]);
});
