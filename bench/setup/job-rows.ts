/** Rows for the benchmark of a whole job: comments of Jigsaw of which a given share is toxic by the scorer's own verdict. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAnswers } from '../../src/detox/answers.ts';
import { askAbout, createReader, toxicityOf } from '../../src/detox/reading.ts';
import { loadScorer } from '../../src/engine/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'bench/.cache');
/** The scorer of the job is this one, widened: both give the same labels. */
const SCORER = 'nano-roberta';
const THRESHOLD = 0.5;
const TEXTS_AT_A_TIME = 512;

export interface JobRows {
  /** A CSV with one column, `text`. */
  readonly file: string;
  readonly count: number;
  readonly source: string;
}

/**
 * No text stands twice. The corpus is half toxic: it has about 17,000 rows of which a fifth is toxic.
 * @param data folder with jigsaw_labelled.tsv
 */
export async function makeJobRows(data: string, count: number, toxicShare: number): Promise<JobRows> {
  const lines = readFileSync(join(data, 'jigsaw_labelled.tsv'), 'utf8').split('\n').slice(1);
  const texts = shuffled(
    [...new Set(lines.map((line) => line.split('\t', 1)[0] ?? ''))].filter((text) => text !== ''),
    1,
  );
  const toxicRows = Math.round(count * toxicShare);
  const toxic: string[] = [];
  const clean: string[] = [];
  const toxicities = await openToxicities(texts);
  for (let at = 0; at < texts.length && (toxic.length < toxicRows || clean.length < count - toxicRows); at += 1) {
    const text = texts[at] ?? '';
    if ((await toxicities.of(at)) >= THRESHOLD) toxic.push(text);
    else clean.push(text);
  }
  await toxicities.close();
  const chosen = shuffled([...toxic.slice(0, toxicRows), ...clean.slice(0, count - toxicRows)], 2);
  if (chosen.length < count) throw new Error(`the corpus has ${toxic.length} toxic and ${clean.length} clean rows`);
  const file = join(CACHE, `job-${count}-${toxicShare}.csv`);
  writeFileSync(file, `text\n${chosen.map((text) => `"${text.replaceAll('"', '""')}"`).join('\n')}\n`);
  return { file, count, source: `comments of Jigsaw, ${100 * toxicShare} % of them toxic by the scorer` };
}

/** Of texts one after the other; kept in the cache under the digest of the scorer. */
async function openToxicities(texts: readonly string[]) {
  mkdirSync(CACHE, { recursive: true });
  const checkpoint = { folder: join(ROOT, 'models', SCORER), name: SCORER, precision: 'int8' } as const;
  const scorer = await loadScorer({ ...checkpoint, cacheFolder: join(CACHE, 'graphs') });
  const file = join(CACHE, `toxicities-${scorer.identity.digest.slice(0, 12)}.json`);
  const known: number[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  const read = createReader(scorer, scorer);
  return {
    async of(at: number): Promise<number> {
      if (at >= known.length) {
        const readings = texts.slice(known.length, at + TEXTS_AT_A_TIME).map(read);
        const scores = createAnswers((forms) => scorer.score(forms));
        await askAbout(readings, scores);
        known.push(...readings.map((reading) => toxicityOf(reading, scores.of)));
      }
      return known[at] ?? 0;
    },
    async close(): Promise<void> {
      writeFileSync(file, JSON.stringify(known));
      await scorer.close();
    },
  };
}

/** The same order each time (Fisher and Yates, numbers of a linear congruential generator). */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const order = [...items];
  let state = seed;
  for (let at = order.length - 1; at > 0; at -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (at + 1));
    const [a, b] = [order[at], order[other]];
    if (a !== undefined && b !== undefined) [order[at], order[other]] = [b, a];
  }
  return order;
}
