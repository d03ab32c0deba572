import { packRows } from '../../src/contract/chunk.ts';
import type { ChunkOutcome, Claim } from '../../src/contract/claim.ts';
import type { ModelIdentity } from '../../src/contract/models.ts';
import { OUTCOMES, type RowError, type RowResult } from '../../src/contract/outcome.ts';
import type { Run } from '../../src/contract/run.ts';
import type { RunSettings } from '../../src/contract/settings.ts';
import { appendChunks } from '../../src/store/chunks.ts';
import type { Database } from '../../src/store/database.ts';
import { modelId } from '../../src/store/models.ts';
import { createRun, finishEnqueue, finishRunIfDone } from '../../src/store/runs.ts';
import { claimChunk, completeChunk } from './one-chunk.ts';

export const DETOXIFIER: ModelIdentity = {
  name: 'tiny-detoxifier',
  architecture: 'bart',
  digest: 'd'.repeat(64),
  precision: 'int8',
};
export const SCORER: ModelIdentity = {
  name: 'tiny-scorer',
  architecture: 'roberta',
  digest: 'e'.repeat(64),
  precision: 'int8',
};
export const SETTINGS: RunSettings = {
  detoxifier: DETOXIFIER,
  scorer: SCORER,
  threshold: 0.5,
  generation: { max_new_tokens: 64 },
  similarity: 'chrf',
};

/** A run with `rows` rows in chunks of `chunkRows`, all in the ledger, none claimed. */
export async function enqueuedRun(database: Database, rows: number, chunkRows: number): Promise<Run> {
  const run = await createRun(database, { name: null, source: { files: [], options: {} }, settings: SETTINGS });
  const chunks = sourceChunks(rows, chunkRows);
  await appendChunks(database, run.id, chunks);
  return finishEnqueue(database, run.id, { rowsTotal: rows, chunksTotal: chunks.length });
}

export function sourceChunks(rows: number, chunkRows: number) {
  return Array.from({ length: Math.ceil(rows / chunkRows) }, (_, chunkNo) => {
    const firstRow = chunkNo * chunkRows;
    const rowCount = Math.min(chunkRows, rows - firstRow);
    return { chunkNo, firstRow, rowCount, payload: packRows(sourceRows(firstRow, rowCount)) };
  });
}

function sourceRows(firstRow: number, rowCount: number) {
  return Array.from({ length: rowCount }, (_, index) => ({
    rowNo: firstRow + index,
    rowKey: null,
    text: `comment number ${firstRow + index}`,
    meta: null,
  }));
}

/** A result for row `rowNo`; outcomes follow one another. */
export function resultOf(rowNo: number, change: Partial<RowResult> = {}): RowResult {
  const outcome = change.outcome ?? OUTCOMES[rowNo % OUTCOMES.length]!;
  const rewritten = outcome === 'detoxified' || outcome === 'still_toxic';
  return {
    rowNo,
    rowKey: `key-${rowNo}`,
    outcome,
    text: `comment number ${rowNo}`,
    detoxified: rewritten ? `kind comment number ${rowNo}` : null,
    toxicityBefore: outcome === 'clean' ? 0.125 : 0.75,
    toxicityAfter: rewritten ? (outcome === 'detoxified' ? 0.25 : 0.5) : null,
    similarity: rewritten ? 0.5 : null,
    tokensIn: 8,
    tokensOut: rewritten ? 5 : 0,
    meta: { line: rowNo },
    ...change,
  };
}

export function errorOf(rowNo: number): RowError {
  return { rowNo, rowKey: null, stage: 'engine', code: 'engine_crashed', message: 'the engine ended', attempts: 3 };
}

/** An outcome for every row of a claimed chunk; the rows in `failing` are errors. */
export async function outcomeOf(
  database: Database,
  claim: Claim,
  failing: ReadonlySet<number> = new Set(),
): Promise<ChunkOutcome> {
  const rowNos = Array.from({ length: claim.rowCount }, (_, index) => claim.firstRow + index);
  return {
    results: rowNos.filter((rowNo) => !failing.has(rowNo)).map((rowNo) => resultOf(rowNo)),
    errors: rowNos.filter((rowNo) => failing.has(rowNo)).map(errorOf),
    scorerId: await modelId(database, SCORER),
    detoxifierId: await modelId(database, DETOXIFIER),
    timingsMs: { score: 2, rewrite: 10 },
  };
}

/** Claims a chunk that can be claimed. */
export async function claimOf(database: Database, runId: string, chunkNo: number, worker = 'test'): Promise<Claim> {
  const claim = await claimChunk(database, { runId, chunkNo, worker });
  if (typeof claim === 'string') throw new Error(`chunk ${chunkNo} cannot be claimed: ${claim}`);
  return claim;
}

/** Works a run off to its end. */
export async function finishedRun(
  database: Database,
  rows: number,
  chunkRows: number,
  failing: ReadonlySet<number> = new Set(),
): Promise<Run> {
  const run = await enqueuedRun(database, rows, chunkRows);
  for (let chunkNo = 0; chunkNo * chunkRows < rows; chunkNo += 1) {
    const claim = await claimOf(database, run.id, chunkNo);
    await completeChunk(database, claim, await outcomeOf(database, claim, failing));
  }
  await finishRunIfDone(database, run.id);
  return run;
}
