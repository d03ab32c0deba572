import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Claim } from '../../src/contract/claim.ts';
import { releaseChunk } from '../../src/store/chunks.ts';
import { readProgress } from '../../src/store/progress.ts';
import { changeRun, finishRunIfDone } from '../../src/store/runs.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { enqueuedRun, outcomeOf } from '../support/ledger.ts';
import { claimChunk, completeChunk } from '../support/one-chunk.ts';

const CHUNKS = 3;
const CHUNK_ROWS = 2;

let fixture: TestDatabase;
beforeAll(async () => {
  fixture = await createTestDatabase();
});
afterAll(() => fixture.drop());

const chunkNo = fc.nat(CHUNKS - 1);
/** Which of the claims so far, newest last; also void ones. */
const which = fc.nat(20);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ act: fc.constant('claim' as const), chunkNo }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('complete' as const), which }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('release' as const), which }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('pause' as const, 'resume' as const) }) },
);

test('whatever workers do in whatever order, only the newest claim counts and every row is written once', async () => {
  const { database } = fixture;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const run = await enqueuedRun(database, CHUNKS * CHUNK_ROWS, CHUNK_ROWS);
      const claims: Claim[] = [];
      const chunks = Array.from({ length: CHUNKS }, () => ({ state: 'queued', claims: 0, attempts: 0 }));
      let paused = false;
      /** The chunk of a claim, if that claim still counts. */
      const held = (claim: Claim) => {
        const chunk = chunks[claim.chunkNo]!;
        return chunk.state === 'active' && chunk.claims === claim.claimNo ? chunk : undefined;
      };

      for (const { act, ...on } of steps) {
        if (act === 'claim' && 'chunkNo' in on) {
          const chunk = chunks[on.chunkNo]!;
          const got = await claimChunk(database, { runId: run.id, chunkNo: on.chunkNo, worker: 'test' });
          if (typeof got === 'string') {
            expect(got).toBe(chunk.state === 'done' ? 'done' : 'paused');
            expect(chunk.state === 'done' || paused).toBe(true);
            continue;
          }
          expect(paused).toBe(false);
          chunk.state = 'active';
          chunk.claims += 1;
          chunk.attempts += 1;
          expect(got).toMatchObject({ claimNo: chunk.claims, attempts: chunk.attempts });
          claims.push(got);
        } else if ('which' in on && claims.length > 0) {
          const claim = claims[on.which % claims.length]!;
          const chunk = held(claim);
          if (act === 'complete') {
            expect(await completeChunk(database, claim, await outcomeOf(database, claim))).toBe(chunk !== undefined);
            if (chunk) chunk.state = 'done';
          } else {
            expect(await releaseChunk(database, claim)).toBe(chunk !== undefined);
            if (chunk) {
              chunk.state = 'queued';
              chunk.attempts -= 1;
            }
          }
        } else if (act === (paused ? 'resume' : 'pause') && chunks.some(({ state }) => state !== 'done')) {
          await changeRun(database, run.id, act);
          paused = !paused;
        }
      }

      const count = (state: string) => chunks.filter((chunk) => chunk.state === state).length;
      const done = count('done');
      expect(await readProgress(database, run.id)).toMatchObject({
        chunksQueued: count('queued'),
        chunksActive: count('active'),
        chunksDone: done,
        rowsDone: done * CHUNK_ROWS,
      });
      if (!paused) expect(await finishRunIfDone(database, run.id)).toBe(done === CHUNKS);
      const verdict = await verifyRun(database, run.id);
      expect(verdict.results).toBe(done * CHUNK_ROWS);
      const unexpected = verdict.findings.filter(
        ({ kind }) => !['not_finished', 'chunks_not_done', 'missing'].includes(kind),
      );
      expect(unexpected).toEqual([]);
    }),
    { numRuns: 40 },
  );
});
