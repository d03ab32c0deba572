import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DamagedPayloadError, unpackRows } from '../../src/contract/chunk.ts';
import { rowsOfChunk } from '../../src/worker/chunk-payload.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { claimOf, enqueuedRun, sourceChunks } from '../support/ledger.ts';

let fixture: TestDatabase;
beforeAll(async () => {
  fixture = await createTestDatabase();
});
afterAll(() => fixture.drop());

const of = () => ({ database: fixture.database, log: pino({ level: 'silent' }) });

const [first, second] = sourceChunks(8, 4).map(({ payload }) => payload);

test.each([
  ['its own', second!],
  ['a truncated one', second!.subarray(0, 20)],
  ['noise', Buffer.from('no rows at all')],
  ['none', Buffer.alloc(0)],
  ['that of another chunk', first!],
])('a job with %s as its payload gives the rows of its chunk', async (_, delivered) => {
  const run = await enqueuedRun(fixture.database, 8, 4);
  const claim = await claimOf(fixture.database, run.id, 1);
  expect(await rowsOfChunk(of(), claim, delivered)).toEqual(unpackRows(second!));
});

test('where the ledger has none that are whole either, that is an error without text', async () => {
  const run = await enqueuedRun(fixture.database, 8, 4);
  const claim = await claimOf(fixture.database, run.id, 1);
  await fixture.database.query("UPDATE detoxq.chunks SET payload = 'comment' WHERE run_id = $1", [run.id]);
  await expect(rowsOfChunk(of(), claim, Buffer.from('comment'))).rejects.toThrow(DamagedPayloadError);
});
