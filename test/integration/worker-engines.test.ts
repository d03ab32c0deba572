import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { RowVerdict } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';
import { createEngines, type Engines, type EnginesOptions } from '../../src/worker/engines.ts';
import { fakeEngineOptions } from '../support/fake-engine-options.ts';

const opened: Engines[] = [];

function open(overrides: Partial<EnginesOptions> & { scorer?: string } = {}): Engines {
  const { scorer, ...rest } = overrides;
  const engines = createEngines({
    ...fakeEngineOptions(scorer),
    processes: 2,
    log: pino({ level: 'silent' }),
    ...rest,
  });
  opened.push(engines);
  return engines;
}

function rowsOf(texts: readonly string[]): SourceRow[] {
  return texts.map((text, rowNo) => ({ rowNo, rowKey: null, text, meta: null }));
}

function kindOf(verdict: RowVerdict | undefined): string {
  if (verdict === undefined) return 'none';
  return 'fault' in verdict ? verdict.fault.code : verdict.outcome;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((engines) => engines.close()));
});

describe('engines', () => {
  it('answers every row in order, over several processes and calls', async () => {
    const engines = open();
    const texts = Array.from({ length: 3000 }, (_, n) => (n % 5 === 0 ? `row ${n} is toxic` : `row ${n}`));
    const batches = [texts.slice(0, 256), texts.slice(256, 300), texts.slice(300)];
    const verdicts = (await Promise.all(batches.map((batch) => engines.process(rowsOf(batch))))).flat();
    expect(verdicts.map(kindOf)).toEqual(texts.map((text) => (text.includes('toxic') ? 'detoxified' : 'clean')));
    expect(verdicts.map((verdict) => ('text' in verdict ? verdict.text : ''))).toEqual(texts);
    expect(engines.takeTimings().scoreMs).toBeGreaterThan(0);
    expect(engines.takeTimings().scoreMs).toBe(0);
  });

  it.each([
    ['!die', 'engine_crashed'],
    ['!throw', 'model_failed'],
    ['!silent', 'engine_no_answer'],
    ['!fault', 'fake_fault'],
  ])('gives a row that asks for %s the fault %s, and every other row its result', async (poison, code) => {
    const engines = open();
    const texts = Array.from({ length: 600 }, (_, n) => (n === 77 || n === 500 ? `row ${n} ${poison}` : `row ${n}`));
    const verdicts = await engines.process(rowsOf(texts));
    expect(verdicts.map(kindOf)).toEqual(texts.map((text) => (text.includes(poison) ? code : 'clean')));
  });

  it('kills a process that hangs, and blames only the row that hung it', async () => {
    const engines = open({ hangAfterMs: 1500, processes: 1 });
    const verdicts = await engines.process(rowsOf(['a', 'b !hang', 'c']));
    expect(verdicts.map(kindOf)).toEqual(['clean', 'engine_hung', 'clean']);
  });

  it('lets a process that gets on take longer than one that hangs may', async () => {
    const engines = open({ hangAfterMs: 1500, processes: 1 });
    const verdicts = await engines.process(rowsOf(['a', 'b !long', 'c']));
    expect(verdicts.map(kindOf)).toEqual(['clean', 'clean', 'clean']);
  });

  it('replaces a process that is over its memory budget, and goes on', async () => {
    const engines = open({ processes: 1 });
    await engines.process(rowsOf(['!fat']));
    const verdicts = await engines.process(rowsOf(['a', 'b']));
    expect(verdicts.map(kindOf)).toEqual(['clean', 'clean']);
  });

  it('wants as many calls as give every process a full group and leave one, by the rows that need an engine', async () => {
    const engines = open();
    await engines.ready;
    const call = (first: number, count: number): SourceRow[] =>
      rowsOf(Array.from({ length: count }, (_, n) => `row ${first + n}`));
    expect(engines.callsWanted()).toBe(0);
    await engines.process([]);
    expect(engines.callsWanted()).toBe(0);
    await engines.process(call(0, 64));
    const wanted = engines.callsWanted();
    // Three groups; they begin with 256 rows, and grow where they are done at once.
    expect(wanted * 64).toBeGreaterThanOrEqual(3 * 256);
    await engines.process(call(0, 64));
    expect(engines.callsWanted()).toBe(wanted);
    await engines.process(call(32, 64));
    expect(engines.callsWanted()).toBeGreaterThan(wanted);
  });

  it('decides nothing about rows when the models cannot be loaded', async () => {
    const engines = open({ scorer: '!refuse' });
    await expect(engines.process(rowsOf(['a']))).rejects.toThrow('this checkpoint is refused');
    await expect(engines.ready).rejects.toThrow('this checkpoint is refused');
  });

  it('gives up when processes keep dying before they are ready', async () => {
    const engines = open({ scorer: '!die-at-start' });
    await expect(engines.process(rowsOf(['a']))).rejects.toThrow('end before they are ready');
  });

  it('rejects what is in flight when it is closed', async () => {
    const engines = open({ processes: 1 });
    await engines.ready;
    const pending = engines.process(rowsOf(['a !hang']));
    const outcome = expect(pending).rejects.toThrow('closed');
    await engines.close();
    await outcome;
  });
});
