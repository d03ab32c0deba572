import { claimChunk, completeChunk } from '../test/support/one-chunk.ts';
/**
 * What store and queue can carry when nothing else is done: how fast chunks of 256 rows go into the ledger, through the
 * queue, and out as results.
 *
 *   node bench/store-queue.ts postgres://postgres@127.0.0.1:5432/postgres redis://127.0.0.1:6379 [chunks]
 *
 * Makes a database and a queue of its own and removes them. Figures: docs/decisions/store-figures.md.
 */

import { packRows } from '../src/contract/chunk.ts';
import type { Claim } from '../src/contract/claim.ts';
import { UsageError } from '../src/contract/errors.ts';
import { OUTCOMES, type RowResult } from '../src/contract/outcome.ts';
import { createPostgresQueue } from '../src/queue/postgres-queue.ts';
import type { ChunkQueue } from '../src/queue/queue.ts';
import { createRedisQueue } from '../src/queue/redis-queue.ts';
import { appendChunks } from '../src/store/chunks.ts';
import type { Database } from '../src/store/database.ts';
import { modelId } from '../src/store/models.ts';
import { readProgress, readSummary } from '../src/store/progress.ts';
import { createRun, finishEnqueue, finishRunIfDone } from '../src/store/runs.ts';
import { verifyRun } from '../src/store/verify.ts';
import { FAKE_SETTINGS } from './setup/fake-settings.ts';
import { textOf } from './setup/made-text.ts';
import { createScratchDatabase } from './setup/scratch-database.ts';
import { silent } from './setup/silent.ts';

const CHUNK_ROWS = 256;
const CHUNKS_PER_WRITE = 16;

function resultOf(rowNo: number): RowResult {
  const outcome = OUTCOMES[rowNo % OUTCOMES.length] ?? 'clean';
  const rewritten = outcome === 'detoxified' || outcome === 'still_toxic';
  return {
    rowNo,
    rowKey: `key-${rowNo}`,
    outcome,
    text: textOf(rowNo),
    detoxified: rewritten ? textOf(rowNo + 1) : null,
    toxicityBefore: 0.75,
    toxicityAfter: rewritten ? 0.25 : null,
    similarity: rewritten ? 0.5 : null,
    tokensIn: 30,
    tokensOut: rewritten ? 28 : 0,
    meta: null,
  };
}

const rowNosOf = (chunkNo: number) => Array.from({ length: CHUNK_ROWS }, (_, at) => chunkNo * CHUNK_ROWS + at);

/** Prints how long `work` took for each of `times`, and the rows per second. */
async function measure(name: string, times: number, rows: number, work: () => Promise<void>): Promise<void> {
  const startedMs = performance.now();
  await work();
  const ms = performance.now() - startedMs;
  const rate =
    rows > 0
      ? `${Math.round(rows / (ms / 1000))
          .toLocaleString('en')
          .padStart(12)} rows/s`
      : '';
  process.stdout.write(`${name.padEnd(48)} ${(ms / times).toFixed(2).padStart(9)} ms each ${rate}\n`);
}

async function measureStore(database: Database, chunks: number): Promise<void> {
  const rows = chunks * CHUNK_ROWS;
  const prepared = Array.from({ length: chunks }, (_, chunkNo) => ({
    chunkNo,
    firstRow: chunkNo * CHUNK_ROWS,
    rowCount: CHUNK_ROWS,
    payload: packRows(rowNosOf(chunkNo).map((rowNo) => ({ rowNo, rowKey: null, text: textOf(rowNo), meta: null }))),
  }));
  const run = await createRun(database, { name: null, source: { files: [], options: {} }, settings: FAKE_SETTINGS });
  await measure(`append chunks, ${CHUNKS_PER_WRITE} a statement`, chunks / CHUNKS_PER_WRITE, rows, async () => {
    for (let at = 0; at < chunks; at += CHUNKS_PER_WRITE) {
      await appendChunks(database, run.id, prepared.slice(at, at + CHUNKS_PER_WRITE));
    }
  });
  await finishEnqueue(database, run.id, { rowsTotal: rows, chunksTotal: chunks });

  const claims: Claim[] = [];
  await measure('claim a chunk', chunks, 0, async () => {
    for (let chunkNo = 0; chunkNo < chunks; chunkNo += 1) {
      const claim = await claimChunk(database, { runId: run.id, chunkNo, worker: 'bench' });
      if (typeof claim !== 'string') claims.push(claim);
    }
  });
  const id = await modelId(database, FAKE_SETTINGS.scorer);
  const complete = (claim: Claim) =>
    completeChunk(database, claim, {
      results: rowNosOf(claim.chunkNo).map(resultOf),
      errors: [],
      scorerId: id,
      detoxifierId: id,
      timingsMs: { score: 1, rewrite: 2 },
    });
  const half = claims.splice(0, Math.floor(chunks / 2));
  await measure('complete a chunk, one connection', half.length, half.length * CHUNK_ROWS, async () => {
    for (const claim of half) await complete(claim);
  });
  await measure('complete a chunk, four connections', claims.length, claims.length * CHUNK_ROWS, async () => {
    const next = async (): Promise<void> => {
      for (let claim = claims.pop(); claim !== undefined; claim = claims.pop()) await complete(claim);
    };
    await Promise.all([next(), next(), next(), next()]);
  });
  await measure('end the run', 1, 0, async () => void (await finishRunIfDone(database, run.id)));
  await measure('read progress', 20, 0, async () => {
    for (let times = 0; times < 20; times += 1) await readProgress(database, run.id);
  });
  await measure('read summary', 1, 0, async () => void (await readSummary(database, run.id)));
  await measure('verify', 1, rows, async () => {
    const { holds } = await verifyRun(database, run.id);
    if (!holds) throw new Error('the run does not hold');
  });
}

async function measureQueue(name: string, queue: ChunkQueue, chunks: number): Promise<void> {
  const jobs = Array.from({ length: chunks }, (_, chunkNo) => ({
    runId: 'rbenches',
    chunkNo,
    firstRow: chunkNo * CHUNK_ROWS,
    payload: packRows(
      rowNosOf(chunkNo).map((rowNo) => ({ rowNo, rowKey: null, text: textOf(rowNo), meta: null })),
    ).toString('base64'),
  }));
  await measure(
    `${name}: add, ${CHUNKS_PER_WRITE} a call`,
    chunks / CHUNKS_PER_WRITE,
    chunks * CHUNK_ROWS,
    async () => {
      for (let at = 0; at < chunks; at += CHUNKS_PER_WRITE) await queue.add(jobs.slice(at, at + CHUNKS_PER_WRITE));
    },
  );
  await measure(`${name}: is a chunk known, 500 a call`, 1, 0, async () => {
    await queue.knows(jobs.slice(0, 500).map(({ runId, chunkNo }) => `${runId}-${chunkNo}`));
  });
  await measure(`${name}: deliver and be done, 8 at a time`, chunks, chunks * CHUNK_ROWS, async () => {
    let left = chunks;
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const consumer = await queue.consume(
      async () => {
        left -= 1;
        if (left === 0) finish();
        return 'done';
      },
      { concurrency: 8 },
    );
    await finished;
    await consumer.close(10_000);
  });
}

const [postgresUrl, redisUrl, chunksText = '1024'] = process.argv.slice(2);
if (postgresUrl === undefined || redisUrl === undefined)
  throw new UsageError('give the addresses of Postgres and Redis');
const chunks = Number(chunksText);
const { name, url, database, drop } = await createScratchDatabase(postgresUrl, 4);
try {
  await measureStore(database, chunks);
  const queues = {
    redis: await createRedisQueue({ url: redisUrl, name, log: silent }),
    postgres: await createPostgresQueue({ url, name, log: silent }),
  };
  for (const [kind, queue] of Object.entries(queues)) {
    await measureQueue(kind, queue, chunks);
    await queue.obliterate();
    await queue.close();
  }
} finally {
  await drop();
}
