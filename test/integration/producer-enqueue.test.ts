import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpackRows } from '../../src/contract/chunk.ts';
import type { ChunkRow } from '../../src/contract/row.ts';
import { type Dataset, openDataset } from '../../src/producer/dataset.ts';
import { type ProduceOptions, produce } from '../../src/producer/produce.ts';
import { reopenDataset } from '../../src/producer/source.ts';
import { appendChunks, ledgerEnd } from '../../src/store/chunks.ts';
import { createRun, finishEnqueue, getRun } from '../../src/store/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { allRows } from '../support/datasets.ts';
import { SETTINGS } from '../support/ledger.ts';
import { createRecorder, createTestQueues, type TestQueues } from '../support/queues.ts';
import { redisUrl } from '../support/services.ts';

let fixture: TestDatabase;
let queues: TestQueues;
let folder: string;

beforeEach(async () => {
  fixture = await createTestDatabase();
  queues = await createTestQueues(redisUrl === null ? 'postgres' : 'redis');
  folder = mkdtempSync(join(tmpdir(), 'detoxq-enqueue-'));
});
afterEach(async () => {
  await queues.drop();
  await fixture.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Everything that a row can be: clean, broken in each way, repaired, blank. */
function mixedCsv(rows: number): Buffer {
  const kinds = [
    (n: number) => `${n},"row ${n}, with ""quotes"" and\na line break 😀",x\n`,
    (n: number) => `${n},row ${n}\n`,
    (n: number) => `${n},row\0 ${n},x\n`,
    (n: number) => `${n},caf\xe9,x\n`,
    (n: number) => `${n}, ,x\n`,
    (n: number) => `${n},plain ${n},\n`,
  ];
  const body = Array.from({ length: rows }, (_, n) => kinds[n % kinds.length]!(n));
  return Buffer.concat([
    Buffer.from('id,text,other\n'),
    ...body.map((line, n) => Buffer.from(line, n % 6 === 3 ? 'latin1' : 'utf8')),
  ]);
}

async function newRun(dataset: Dataset) {
  return createRun(fixture.database, { name: null, source: dataset.source, settings: SETTINGS });
}

function ledgerOf(runId: string): ProduceOptions['ledger'] {
  return {
    appendChunks: (chunks) => appendChunks(fixture.database, runId, chunks),
    finishEnqueue: (totals) => finishEnqueue(fixture.database, runId, totals),
  };
}

async function rowsInLedger(runId: string): Promise<ChunkRow[]> {
  const chunks = await fixture.database.query<{ payload: Buffer }>(
    'SELECT payload FROM chunks WHERE run_id = $1 ORDER BY chunk_no',
    [runId],
  );
  return chunks.flatMap((chunk) => unpackRows(chunk.payload));
}

test('every row of a file, readable or not, is in the ledger and reaches a worker', async () => {
  const path = join(folder, 'mixed.csv');
  writeFileSync(path, mixedCsv(1_000));
  const dataset = await openDataset([path], {});
  const run = await newRun(dataset);
  const queue = await queues.open();
  const produced = await produce({ dataset, runId: run.id, ledger: ledgerOf(run.id), queue, chunkRows: 64 });
  expect(produced).toEqual({
    finished: true,
    rows: 1_000,
    chunks: 16,
    rejected: { wrong_field_count: 167, not_utf8: 167 },
    blank: 166,
  });
  expect(await getRun(fixture.database, run.id)).toMatchObject({
    state: 'running',
    rowsTotal: 1_000,
    chunksTotal: 16,
    source: dataset.source,
  });

  const expected = await allRows(dataset);
  expect(expected.map((row) => row.rowNo)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
  expect(await rowsInLedger(run.id)).toEqual(expected);

  const recorder = createRecorder();
  const consumer = await (await queues.open()).consume(recorder.process, { concurrency: 4 });
  await recorder.until(16);
  await consumer.close(10_000);
  const delivered = recorder.jobs
    .toSorted((a, b) => a.chunkNo - b.chunkNo)
    .flatMap((job) => unpackRows(Buffer.from(job.payload, 'base64')));
  expect(delivered).toEqual(expected);
});

test('a producer that dies between ledger and queue is resumed: each row is there once', async () => {
  const path = join(folder, 'mixed.csv');
  writeFileSync(path, mixedCsv(2_000));
  const dataset = await openDataset([path], {});
  const run = await newRun(dataset);
  const queue = await queues.open();
  let writes = 0;
  const dying = produce({
    dataset,
    runId: run.id,
    ledger: ledgerOf(run.id),
    queue: {
      depth: () => queue.depth(),
      async add(jobs) {
        writes += 1;
        if (writes === 2) throw new Error('the process dies here');
        await queue.add(jobs);
      },
    },
    chunkRows: 32,
  });
  await expect(dying).rejects.toThrow('the process dies here');
  const end = await ledgerEnd(fixture.database, run.id);
  expect(end).toEqual({ chunks: 32, rows: 1_024 });
  expect((await getRun(fixture.database, run.id)).state).toBe('enqueueing');

  const again = await reopenDataset((await getRun(fixture.database, run.id)).source);
  const produced = await produce({
    dataset: again,
    runId: run.id,
    ledger: ledgerOf(run.id),
    queue,
    chunkRows: 100,
    resumeFrom: end,
  });
  expect(produced).toMatchObject({ finished: true, rows: 2_000 });
  expect(await rowsInLedger(run.id)).toEqual(await allRows(dataset));
  expect(await getRun(fixture.database, run.id)).toMatchObject({ state: 'running', rowsTotal: 2_000 });
});

test('a run that was cancelled meanwhile takes no more chunks', async () => {
  const path = join(folder, 'lines.txt');
  writeFileSync(path, 'a line\n'.repeat(100));
  const dataset = await openDataset([path], {});
  const run = await newRun(dataset);
  await fixture.database.query("UPDATE runs SET state = 'cancelled' WHERE id = $1", [run.id]);
  const queue = await queues.open();
  await expect(produce({ dataset, runId: run.id, ledger: ledgerOf(run.id), queue })).rejects.toThrow(/is cancelled/);
  expect(await queue.depth()).toBe(0);
});
