import type { Detoxifier, Scorer } from '../../src/contract/models.ts';
import type { RowResult, RowVerdict } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';
import { createPolicy } from '../../src/detox/policy.ts';
import { createFakeDetoxifier, createFakeScorer } from './fake-models.ts';

export const TOXIC_WORDS = [
  'idiot',
  'idiots',
  'stupid',
  'fuck',
  'fucking',
  'f*cking',
  'shit',
  'crap',
  'damn',
  'moron',
  'dumbass',
  'hell',
  'shut',
];
export const DICTIONARY = {
  'such an idiot': 'not very smart',
  idiot: 'person',
  idiots: 'people',
  'shut up': 'be quiet',
  stupid: '',
  'the fuck': '',
  fucking: '',
  'f*cking moron': 'person',
  'total shit': 'not good',
  'give a damn': 'care',
  'as hell': '',
  dumbass: 'fool',
  crap: 'bad',
  damn: '',
};
export const scorer = createFakeScorer({ toxicWords: TOXIC_WORDS });
export const detoxifier = createFakeDetoxifier({ dictionary: DICTIONARY });

export function rowsOf(texts: readonly string[]): SourceRow[] {
  return texts.map((text, rowNo) => ({ rowNo, rowKey: `k${rowNo}`, text, meta: null }));
}

export async function processAll(
  rows: readonly SourceRow[],
  models: { scorer?: Scorer; detoxifier?: Detoxifier; threshold?: number } = {},
): Promise<RowVerdict[]> {
  const items = new Array<RowVerdict>(rows.length);
  let count = 0;
  await createPolicy({ scorer, detoxifier, threshold: 0.5, ...models }).process(rows, (item) => {
    items[item.rowNo] = item;
    count++;
  });
  if (count !== rows.length) throw new Error(`${count} answers for ${rows.length} rows`);
  return items;
}

export function isResult(item: RowVerdict | undefined): item is RowResult {
  return item !== undefined && 'outcome' in item;
}

export async function processOne(
  text: string,
  models?: { scorer?: Scorer; detoxifier?: Detoxifier; threshold?: number },
): Promise<RowResult> {
  const [item] = await processAll(rowsOf([text]), models);
  if (!isResult(item)) throw new Error('the row failed');
  return item;
}

export const rewriting = (
  dictionary: Parameters<typeof createFakeDetoxifier>[0]['dictionary'],
  knownWords?: string[],
) => createFakeDetoxifier(knownWords === undefined ? { dictionary } : { dictionary, knownWords });
