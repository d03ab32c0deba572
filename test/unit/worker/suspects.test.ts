import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createGate } from '../../../src/worker/suspects.ts';

test('work alone is alone: never beside other work, shared or alone, however they come', async () => {
  const gate = createGate();
  let shared = 0;
  let alone = 0;
  let most = 0;
  const beside = async () => {
    shared += 1;
    most = Math.max(most, shared);
    expect(alone).toBe(0);
    await turn();
    shared -= 1;
  };
  const lonely = async () => {
    expect([shared, alone]).toEqual([0, 0]);
    alone += 1;
    await turn();
    expect([shared, alone]).toEqual([0, 1]);
    alone -= 1;
  };
  const all = Array.from({ length: 60 }, (_, n) => (n % 5 < 2 ? gate.alone(lonely) : gate.shared(beside)));
  await Promise.all(all);
  expect(most).toBeGreaterThan(1);
});

test('work that throws lets the next one in', async () => {
  const gate = createGate();
  const failing = () => Promise.reject(new Error('asked for'));
  await expect(gate.alone(failing)).rejects.toThrow('asked for');
  await expect(gate.shared(failing)).rejects.toThrow('asked for');
  await expect(gate.alone(async () => 'in')).resolves.toBe('in');
});
