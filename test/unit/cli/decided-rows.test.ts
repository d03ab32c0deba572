import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDecidedRows } from '../../../src/app/job.ts';

describe('rows that are decided', () => {
  it('are counted before their chunk is written, once', () => {
    let mine = { decided: 0, writing: 0, stored: 0 };
    const count = createDecidedRows(() => mine);
    const shown = (rowsDone: number, next: typeof mine): number => {
      mine = next;
      return count({ rowsDone, rows: 1_000 });
    };
    // A run that is resumed with 100 rows done.
    expect(shown(100, { decided: 0, writing: 0, stored: 0 })).toBe(100);
    expect(shown(100, { decided: 40, writing: 0, stored: 0 })).toBe(140);
    expect(shown(100, { decided: 10, writing: 256, stored: 0 })).toBe(366);
    // The ledger has them already, the worker does not know yet.
    expect(shown(356, { decided: 10, writing: 256, stored: 0 })).toBe(366);
    // The worker knows, the ledger was read before.
    expect(shown(100, { decided: 20, writing: 0, stored: 256 })).toBe(376);
    // Another worker has written 50.
    expect(shown(406, { decided: 20, writing: 0, stored: 256 })).toBe(426);
    // Chunks that are lost do not take the bar back, and no number is above all rows.
    expect(shown(406, { decided: 0, writing: 0, stored: 256 })).toBe(426);
    expect(shown(406, { decided: 900, writing: 0, stored: 256 })).toBe(1_000);
  });

  it('are never more than were decided, whenever the ledger is read', () => {
    const step = fc.constantFrom('decide', 'write', 'commit', 'know', 'other', 'read');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const mine = { decided: 0, writing: 0, stored: 0 };
        let committed = 0;
        let known = 0;
        let others = 0;
        const count = createDecidedRows(() => ({ ...mine }));
        for (const next of steps) {
          if (next === 'decide') mine.decided += 1;
          if (next === 'other') others += 1;
          if (next === 'write' && mine.decided > 0) {
            mine.decided -= 1;
            mine.writing += 1;
          }
          if (next === 'commit' && committed - known < mine.writing) committed += 1;
          if (next === 'know' && committed > known) {
            known += 1;
            mine.writing -= 1;
            mine.stored += 1;
          }
          const truth = others + mine.stored + mine.writing + mine.decided;
          const shown = count({ rowsDone: committed + others, rows: 1_000 });
          expect(shown).toBeLessThanOrEqual(truth);
          expect(shown).toBeGreaterThanOrEqual(mine.stored + mine.writing + mine.decided);
        }
      }),
    );
  });
});
