import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { unpackRows } from '../../../src/contract/chunk.ts';
import { ServiceError } from '../../../src/contract/errors.ts';
import { openDataset } from '../../../src/producer/dataset.ts';
import { type ProduceProgress, produce } from '../../../src/producer/produce.ts';
import type { ChunkJob } from '../../../src/queue/queue.ts';
import { openPieces } from '../../support/datasets.ts';

/** A ledger and a queue that keep what they get, and a common list of the calls in order. */
function createRecorder() {
  const calls: string[] = [];
  const ledger = new Map<number, { firstRow: number; rowCount: number; payload: Buffer }>();
  const jobs: ChunkJob[] = [];
  return {
    calls,
    ledgerRows: () => [...ledger.values()].flatMap((chunk) => unpackRows(chunk.payload)),
    ledger: {
      async appendChunks(chunks: readonly { chunkNo: number; firstRow: number; rowCount: number; payload: Buffer }[]) {
        calls.push(`append ${chunks.map((chunk) => chunk.chunkNo).join(' ')}`);
        for (const chunk of chunks) ledger.set(chunk.chunkNo, chunk);
      },
      async finishEnqueue(totals: { rowsTotal: number; chunksTotal: number }) {
        calls.push(`finish ${totals.rowsTotal} ${totals.chunksTotal}`);
      },
    },
    jobs,
    queue: {
      async add(added: readonly ChunkJob[]) {
        calls.push(`add ${added.map((job) => job.chunkNo).join(' ')}`);
        jobs.push(...added);
      },
      async depth() {
        return 0;
      },
    },
  };
}

const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `row ${from + index}\n`).join('');

describe('produce', () => {
  test('chunks in order, each in the ledger before it is in the queue, and the totals at the end', async () => {
    const recorder = createRecorder();
    const dataset = await openPieces([lines(10)], { format: 'txt' });
    const produced = await produce({ dataset, runId: 'r1', ...recorder, chunkRows: 4 });
    expect(produced).toEqual({ finished: true, rows: 10, chunks: 3, rejected: {}, blank: 0 });
    expect(recorder.calls).toEqual(['append 0 1', 'add 0 1', 'append 2', 'add 2', 'finish 10 3']);
    expect(recorder.jobs.map(({ runId, chunkNo, firstRow }) => [runId, chunkNo, firstRow])).toEqual([
      ['r1', 0, 0],
      ['r1', 1, 4],
      ['r1', 2, 8],
    ]);
    const sent = recorder.jobs.flatMap((job) => unpackRows(Buffer.from(job.payload, 'base64')));
    expect(sent).toEqual(recorder.ledgerRows());
    expect(sent.map((row) => row.rowNo)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('rejected rows travel with the others and are counted by code, as blank ones are', async () => {
    const recorder = createRecorder();
    const dataset = await openPieces(['id,text\n1,a\n2\n3," "\n4,b,c\n'], { format: 'csv' });
    const produced = await produce({ dataset, runId: 'r1', ...recorder });
    expect(produced).toMatchObject({ rows: 4, rejected: { wrong_field_count: 2 }, blank: 1 });
    expect(recorder.ledgerRows().map((row) => ('fault' in row ? row.fault.code : row.text))).toEqual([
      'a',
      'wrong_field_count',
      ' ',
      'wrong_field_count',
    ]);
  });

  test('long texts make chunks of fewer rows', async () => {
    const recorder = createRecorder();
    const dataset = await openPieces([`${'x'.repeat(500_000)}\n`.repeat(5)], { format: 'txt' });
    expect(await produce({ dataset, runId: 'r1', ...recorder })).toMatchObject({ rows: 5, chunks: 3 });
  });

  test('so do long columns beside the text; a large payload stays in the ledger, and out of the queue', async () => {
    const recorder = createRecorder();
    const row = JSON.stringify({ text: 'short', other: randomBytes(200_000).toString('hex') });
    const dataset = await openPieces([`${row}\n`.repeat(12)], { format: 'jsonl' });
    expect(await produce({ dataset, runId: 'r1', ...recorder })).toMatchObject({ rows: 12, chunks: 6 });
    expect(recorder.ledgerRows()).toHaveLength(12);
    expect(recorder.jobs.map(({ payload }) => payload)).toEqual(Array(6).fill(''));
  });

  test('pauses while the queue is full, and says so', async () => {
    const recorder = createRecorder();
    const depths = [3, 2, 1];
    const seen: ProduceProgress[] = [];
    let waits = 0;
    const dataset = await openPieces([lines(8)], { format: 'txt' });
    await produce({
      dataset,
      runId: 'r1',
      ledger: recorder.ledger,
      queue: { add: recorder.queue.add, depth: async () => depths.shift() ?? 0 },
      chunkRows: 8,
      highWaterChunks: 2,
      onProgress: (progress) => seen.push(progress),
      wait: async () => {
        waits += 1;
        expect(recorder.calls).toEqual([]);
      },
    });
    expect(waits).toBe(2);
    expect(seen.map(({ rows, chunks, waitingFor }) => [rows, chunks, waitingFor])).toEqual([
      [0, 0, 'workers'],
      [0, 0, 'workers'],
      [8, 1, null],
    ]);
  });

  test('waits at its gate before each write, also while the queue is full', async () => {
    const recorder = createRecorder();
    const depths = [2, 0, 0];
    await produce({
      dataset: await openPieces([lines(2)], { format: 'txt' }),
      runId: 'r1',
      ledger: recorder.ledger,
      queue: { add: recorder.queue.add, depth: async () => depths.shift() ?? 0 },
      chunkRows: 2,
      highWaterChunks: 2,
      gate: async () => {
        recorder.calls.push('gate');
      },
      wait: async () => {
        recorder.calls.push('wait');
      },
    });
    expect(recorder.calls).toEqual(['gate', 'wait', 'gate', 'append 0', 'add 0', 'finish 2 1']);
  });

  test('never runs ahead of the high-water mark by more than one write', async () => {
    const recorder = createRecorder();
    let depth = 0;
    let deepest = 0;
    const dataset = await openPieces([lines(2_000)], { format: 'txt' });
    await produce({
      dataset,
      runId: 'r1',
      ledger: recorder.ledger,
      queue: {
        async add(jobs) {
          depth += jobs.length;
          deepest = Math.max(deepest, depth);
        },
        depth: async () => depth,
      },
      chunkRows: 2,
      highWaterChunks: 20,
      wait: async () => {
        depth = Math.max(0, depth - 7);
      },
    });
    expect(deepest).toBeGreaterThanOrEqual(20);
    expect(deepest).toBeLessThan(20 + 16);
    expect(recorder.calls.at(-1)).toBe('finish 2000 1000');
  });

  test('a signal stops it between writes; what the ledger has is read past when it goes on', async () => {
    const recorder = createRecorder();
    const stop = new AbortController();
    const content = lines(100);
    const first = await produce({
      dataset: await openPieces([content], { format: 'txt' }),
      runId: 'r1',
      ...recorder,
      chunkRows: 2,
      signal: stop.signal,
      onProgress: ({ chunks }) => {
        if (chunks >= 16) stop.abort();
      },
    });
    expect(first).toMatchObject({ finished: false, rows: 32, chunks: 16 });
    const second = await produce({
      dataset: await openPieces([content], { format: 'txt' }),
      runId: 'r1',
      ...recorder,
      chunkRows: 30,
      resumeFrom: first,
    });
    expect(second).toMatchObject({ finished: true, rows: 100, chunks: 19 });
    const rows = recorder.ledgerRows();
    expect(rows.map((row) => row.rowNo)).toEqual(rows.map((_, index) => index));
    expect(rows.map((row) => ('text' in row ? `${row.text}\n` : '')).join('')).toBe(content);
  });

  test('a signal also ends the wait for a pipe that says nothing, and the wait for workers', async () => {
    const recorder = createRecorder();
    const stop = new AbortController();
    const pipe = new Readable({ read() {} });
    pipe.push(lines(300));
    const dataset = await openDataset(['-'], { format: 'txt' }, pipe);
    const produced = await produce({
      dataset,
      runId: 'r1',
      ...recorder,
      chunkRows: 100,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    expect(produced).toMatchObject({ finished: false, rows: 300, chunks: 3 });
    expect(pipe.destroyed).toBe(true);

    const full = new AbortController();
    const waiting = await produce({
      dataset: await openPieces([lines(3)], { format: 'txt' }),
      runId: 'r1',
      ledger: recorder.ledger,
      queue: { add: recorder.queue.add, depth: async () => 1_000_000 },
      signal: full.signal,
      onProgress: () => full.abort(),
    });
    expect(waiting).toMatchObject({ finished: false, rows: 0 });
  });

  test('a service that comes back is waited for; one that stays away is an error', async () => {
    const recorder = createRecorder();
    let failures = 3;
    const flaky = async <T>(work: () => Promise<T>): Promise<T> => {
      if (failures > 0) {
        failures -= 1;
        throw new ServiceError('Redis cannot be reached');
      }
      return work();
    };
    const options = {
      runId: 'r1',
      ledger: {
        appendChunks: (chunks: Parameters<typeof recorder.ledger.appendChunks>[0]) =>
          flaky(() => recorder.ledger.appendChunks(chunks)),
        finishEnqueue: recorder.ledger.finishEnqueue,
      },
      queue: {
        add: (jobs: readonly ChunkJob[]) => flaky(() => recorder.queue.add(jobs)),
        depth: () => flaky(recorder.queue.depth),
      },
      wait: async () => {},
    };
    await produce({ ...options, dataset: await openPieces([lines(3)], { format: 'txt' }) });
    expect(recorder.calls).toEqual(['append 0', 'add 0', 'finish 3 1']);
    failures = Number.POSITIVE_INFINITY;
    await expect(produce({ ...options, dataset: await openPieces([lines(3)], { format: 'txt' }) })).rejects.toThrow(
      ServiceError,
    );
  });

  test('rows before a fault that ends the dataset are kept, and the run is not finished', async () => {
    const recorder = createRecorder();
    const dataset = await openPieces([`text\n${lines(1_000)}`, '"open\n'], { format: 'csv' });
    await expect(produce({ dataset, runId: 'r1', ...recorder, chunkRows: 300 })).rejects.toThrow(
      /line 1002: the quote .* \(run r1 holds the 1,000 rows before, and stays unfinished\)$/,
    );
    expect(recorder.ledgerRows()).toHaveLength(1_000);
    expect(recorder.calls.some((call) => call.startsWith('finish'))).toBe(false);
  });

  test('an error of the ledger ends it, and nothing is added to the queue without its chunk', async () => {
    const recorder = createRecorder();
    const ledger = {
      ...recorder.ledger,
      appendChunks: async () => {
        throw new Error('disk full');
      },
    };
    const dataset = await openPieces([lines(3_000)], { format: 'txt' });
    await expect(produce({ dataset, runId: 'r1', ledger, queue: recorder.queue, chunkRows: 10 })).rejects.toThrow(
      'disk full',
    );
    expect(recorder.jobs).toEqual([]);
  });
});
