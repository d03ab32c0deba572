import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type AppEvent,
  DatasetError,
  type Detoxq,
  type InputRow,
  type OpenOptions,
  openDetoxq,
  type RunRequest,
  UsageError,
} from '../../src/index.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let folder: string;
let fixture: TestDatabase;
let detoxq: Detoxq;
const events: AppEvent[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-library-'));
  linkCompiledModels(folder);
  fixture = await createTestDatabase({ schema: false });
  detoxq = await open();
});
afterAll(async () => {
  await detoxq.close();
  await fixture.drop();
  rmSync(folder, { recursive: true, force: true });
});

function open(): Promise<Detoxq> {
  const onEvent = (event: AppEvent): number => events.push(event);
  return openDetoxq({ databaseUrl: fixture.url, redisUrl: null, home: folder, migrate: true, onEvent });
}

const TOXIC = 'Only an idiot would write a stupid thing like that.';

async function* comments(count: number): AsyncGenerator<InputRow> {
  for (let at = 0; at < count; at += 1)
    yield { key: `c${at}`, text: at % 10 === 3 ? TOXIC : `Thank you, that was number ${at}.` };
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

test('rows of a program get one outcome each, with their keys and meta', async () => {
  const rows: unknown[] = [
    { key: 7, text: 'Good morning.', meta: { lang: 'en', at: new Date(0), detoxq: 'mine' } },
    { key: 'b', text: TOXIC },
    { text: 'half a \ud800 character' },
    { text: '' },
    { key: 'no text' },
    { text: 12 },
    { key: { a: 1 }, text: 'a key that is an object' },
    { key: 'k'.repeat(1_025), text: 'a long key' },
    { text: 'meta that JSON has not', meta: { big: 10n } },
    { text: 'x'.repeat(2 ** 20 + 1) },
    null,
    {
      get text() {
        throw new Error('a secret');
      },
    },
  ];
  const run = await detoxq.clean(rows as InputRow[], { name: 'rows of all kinds' });
  expect(await run.progress()).toMatchObject({ state: 'done', rowsTotal: 12, rowsDone: 12, rowErrors: 8 });
  const results = await all(run.results());
  expect(results.map(({ rowNo, rowKey, outcome }) => [rowNo, rowKey, outcome])).toEqual([
    [0, '7', 'clean'],
    [1, 'b', 'detoxified'],
    [2, null, 'clean'],
    [3, null, 'clean'],
  ]);
  expect(results[0]?.meta).toEqual({ lang: 'en', at: '1970-01-01T00:00:00.000Z', detoxq_: 'mine' });
  expect(results[2]).toMatchObject({ text: 'half a \ufffd character', meta: { detoxq: { repaired: ['surrogate'] } } });
  expect((await all(run.rowErrors())).map(({ rowNo, code }) => [rowNo, code])).toEqual([
    [4, 'missing_text'],
    [5, 'text_not_string'],
    [6, 'invalid_json'],
    [7, 'too_large'],
    [8, 'invalid_json'],
    [9, 'too_large'],
    [10, 'missing_text'],
    [11, 'missing_text'],
  ]);
  expect((await run.verify()).holds).toBe(true);
  expect(await all(detoxq.run('rows of all kinds').results({ outcomes: ['detoxified'] }))).toEqual([results[1]]);
  const path = join(folder, 'out.jsonl');
  expect(await run.export(path, { outcomes: ['detoxified', 'failed'] })).toBe(9);
  expect(readFileSync(path, 'utf8').split('\n')[0]).toContain('"row_key":"b"');
});

test('an export replaces no file that a run has read', async () => {
  const source = join(folder, 'source.csv');
  copyFileSync(join(import.meta.dirname, '../../examples/comments.csv'), source);
  const run = await detoxq.clean([source], { limit: 3 });
  await expect(run.export(source)).rejects.toThrow(UsageError);
  await expect(run.export(join(folder, 'no-such-folder', 'out.csv'))).rejects.toThrow(/there is no folder/);
  await expect(run.export(join(folder, 'out.xlsx'))).rejects.toThrow(UsageError);
  expect(readFileSync(source)).toEqual(readFileSync(join(import.meta.dirname, '../../examples/comments.csv')));
});

test('a file and rows of a program come to the same results', async () => {
  const file = await detoxq.clean([join(import.meta.dirname, '../../examples/comments.csv')], { limit: 60 });
  const results = await all(file.results());
  expect(results).toHaveLength(60);
  const again = await detoxq.clean(results.map(({ rowKey, text }) => ({ key: rowKey, text })));
  const plain = ({ meta, ...result }: (typeof results)[number]) => result;
  expect((await all(again.results())).map(plain)).toEqual(results.map(plain));
});

test('a worker does what others enqueue; runs are paused, resumed, cancelled and deleted', async () => {
  const cancelled = await detoxq.enqueue(comments(300), { chunkRows: 100 });
  await cancelled.pause();
  const run = await detoxq.enqueue(comments(40));
  expect(run).toMatchObject({ finished: true, rows: 40, chunks: 1 });
  const worker = await detoxq.startWorker({ processes: 1 });
  expect(await run.wait()).toMatchObject({ state: 'done', rowsDone: 40 });
  expect(await cancelled.progress()).toMatchObject({ state: 'paused', rowsDone: 0 });
  await expect(cancelled.delete()).rejects.toThrow(UsageError);
  await cancelled.cancel();
  expect(await cancelled.wait()).toMatchObject({ state: 'cancelled' });
  await cancelled.delete();
  await expect(cancelled.details()).rejects.toThrow(UsageError);
  expect((await detoxq.runs({ limit: 100 })).map(({ id }) => id)).not.toContain(cancelled.id);

  const resumed = await detoxq.enqueue(comments(20));
  await resumed.pause();
  await resumed.resume();
  expect(await resumed.wait()).toMatchObject({ state: 'done', rowsDone: 20 });
  expect(await worker.stop()).toBe(true);
});

test('a run that its signal stopped goes on with the same rows, and does none twice', async () => {
  const stop = new AbortController();
  async function* interrupted(): AsyncGenerator<InputRow> {
    let given = 0;
    for await (const row of comments(1_000)) {
      if (given === 500) stop.abort();
      given += 1;
      yield row;
    }
  }
  const first = await detoxq.clean(interrupted(), { chunkRows: 50 }, { signal: stop.signal });
  const before = await first.progress();
  expect(before.state).toBe('enqueueing');
  expect(before.rowsEnqueued).toBeLessThan(1_000);
  await expect(first.finish()).rejects.toThrow(/rows of a program: cannot be read a second time/);
  expect(await first.finish({ rows: comments(1_000) })).toBe(true);
  expect(await first.progress()).toMatchObject({ state: 'done', rowsDone: 1_000 });
  expect((await first.verify()).holds).toBe(true);
});

test('a signal that came before the first row stops a source that gives none', async () => {
  const stop = new AbortController();
  const stuck: AsyncIterable<InputRow> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        stop.abort();
        return new Promise(() => {});
      },
    }),
  };
  const run = await detoxq.clean(stuck, {}, { signal: stop.signal });
  expect(await run.progress()).toMatchObject({ state: 'enqueueing', rowsEnqueued: 0 });
  const early = await detoxq.clean(stuck, {}, { signal: AbortSignal.abort() });
  expect(await early.progress()).toMatchObject({ state: 'enqueueing', rowsEnqueued: 0 });
});

test('what cannot be is refused before a run is made', async () => {
  const before = (await detoxq.runs({ limit: 1_000 })).length;
  const refused = [
    { threshold: 1.5 },
    { threshold: Number.NaN },
    { chunkRows: 0 },
    { candidates: 1.5 },
    { limit: -1 },
    { prefilterMaxMiss: 1 },
    { name: 'latest' },
    { textColumn: 'text' },
    { delimiter: ';' },
    { scorer: 'no-such-model' },
    { toxicLabel: 'no-such-label' },
    { generation: { temperature: 2 } },
    { generation: 'beams' },
    { treshold: 0.9 },
    { threshold: '0.5' },
    { scorer: 7 },
    { precision: 'int9' },
  ] as RunRequest[];
  for (const request of refused) {
    await expect(detoxq.enqueue(comments(5), request), JSON.stringify(request)).rejects.toThrow(UsageError);
  }
  await expect(detoxq.enqueue(comments(5), { treshold: 0.9 } as RunRequest)).rejects.toThrow(
    /"treshold" is not a setting of a run\. Known: .*threshold/,
  );
  await expect(openDetoxq({ databseUrl: 'x' } as OpenOptions)).rejects.toThrow(/"databseUrl" is not an option/);
  for (const source of ['comments.csv', 5, null, undefined]) {
    await expect(detoxq.enqueue(source as unknown as string[])).rejects.toThrow(UsageError);
  }
  await expect(detoxq.clean(comments(1), {}, { processes: -1 })).rejects.toThrow(UsageError);
  await expect(detoxq.enqueue(['no-such-file.csv'])).rejects.toThrow(DatasetError);
  await expect(detoxq.run('rzzzzzzz').progress()).rejects.toThrow(UsageError);
  expect(await detoxq.runs({ limit: 1_000 })).toHaveLength(before);
});

test("an error of the program's own iterator ends the reading; the rows before it are kept", async () => {
  const cause = new RangeError('a secret of the program');
  async function* broken(): AsyncGenerator<InputRow> {
    yield* comments(30);
    throw cause;
  }
  const error: unknown = await detoxq.enqueue(broken()).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DatasetError);
  expect((error as DatasetError).message).toMatch(/ended with RangeError after 30 rows.*holds the 30 rows before/);
  expect((error as DatasetError).message).not.toContain('secret');
  const [newest] = await detoxq.runs({ limit: 1 });
  expect(await detoxq.run(newest!.id).progress()).toMatchObject({ state: 'enqueueing', rowsEnqueued: 30 });
});

test('closing stops what is in work, and nothing can be asked after it', async () => {
  const own = await open();
  const stopped = own.clean(comments(100_000));
  await expect.poll(() => events.findLast(({ type }) => type === 'enqueueing')).toMatchObject({ type: 'enqueueing' });
  await own.close();
  const run = await stopped;
  expect(await detoxq.run(run.id).progress()).toMatchObject({ state: 'enqueueing' });
  await expect(own.clean(comments(1))).rejects.toThrow('closed');
  await detoxq.run(run.id).cancel();
});
