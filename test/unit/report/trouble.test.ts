import { expect, test } from 'vitest';
import { troubleLines } from '../../../src/cli/advice.ts';
import { findTrouble } from '../../../src/report/trouble.ts';
import type { ProducerLife, WorkerLife } from '../../../src/store/workers.ts';

const run = { id: 'rabcdefg', rowsTotal: 10, chunksTotal: 5, requires: ['results-2'] };
const half = { id: 'rabcdefg', rowsTotal: null, chunksTotal: null, requires: ['results-2'] };
const busy = { state: 'running', chunksQueued: 3, chunksActive: 1, chunksDone: 1 } as const;
const reading = { state: 'enqueueing', chunksQueued: 3, chunksActive: 1, chunksDone: 1 } as const;
const producer: ProducerLife = { producer: 'host/1', silentMs: 500, ageMs: 60_000 };
const worker: WorkerLife = {
  name: 'host/2',
  host: 'host',
  pid: 2,
  startedAt: new Date(0),
  chunks: 1,
  problem: null,
  knows: ['results-2'],
  version: '0.1.0',
  silentMs: 1_000,
};
const unable = { ...worker, problem: { runId: run.id, message: 'no such checkpoint' } };

test.each([
  ['a run that goes on', run, busy, [worker], null, []],
  ['no worker', run, busy, [], null, ['no worker is alive']],
  ['only a silent worker', run, busy, [{ ...worker, silentMs: 25_000 }], null, ['no worker is alive']],
  ['no worker that has the models', run, busy, [unable, unable], null, ['no such checkpoint']],
  ['one of two that lacks them', run, busy, [unable, worker], null, []],
  ['only an older worker', run, busy, [{ ...worker, knows: [], version: null }], null, ['an older detoxq']],
  ['one that lacks those of another run', { ...run, id: 'rother23' }, busy, [unable], null, []],
  ['a producer that reads', half, reading, [worker], producer, []],
  [
    'a producer that died',
    half,
    reading,
    [worker],
    { ...producer, silentMs: 90_000 },
    ['host/1 was last heard of 90 s'],
  ],
  [
    'a producer that stopped',
    half,
    reading,
    [worker],
    { ...producer, silentMs: null },
    ['; go on: detoxq resume rabcdefg'],
  ],
  ['a run made just now', half, reading, [worker], { producer: null, silentMs: null, ageMs: 300 }, []],
  ['a paused run', run, { ...busy, state: 'paused' as const }, [], null, ['resume rabcdefg --detach']],
  [
    'a run that is done',
    run,
    { state: 'done' as const, chunksQueued: 0, chunksActive: 0, chunksDone: 5 },
    [],
    null,
    [],
  ],
  [
    'a run that lost chunks',
    run,
    { ...busy, chunksDone: 0 },
    [worker],
    null,
    ['1 of its 5 chunks are no longer in the ledger'],
  ],
  [
    'a run that is done, and lost chunks',
    run,
    { state: 'done' as const, chunksQueued: 0, chunksActive: 0, chunksDone: 3 },
    [],
    null,
    ['to read these rows again: detoxq resume rabcdefg'],
  ],
])('%s', (_, of, progress, workers, by, expected) => {
  expect(troubleLines(of.id, findTrouble(of, progress, workers, by))).toEqual(
    expected.map((part) => expect.stringContaining(part)),
  );
});
