import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { createCheckpoints } from '../../../src/app/checkpoints.ts';
import type { Context } from '../../../src/app/context.ts';
import { engineOpener, enginePlace } from '../../../src/app/engines.ts';
import { precisionOn } from '../../../src/app/run-request.ts';
import { CPU } from '../../../src/contract/device.ts';
import { UsageError } from '../../../src/contract/errors.ts';
import { SETTINGS } from '../../support/ledger.ts';

const cuda = { kind: 'cuda', index: 1 } as const;

test('a GPU has one engine process, a CPU one per core, and both as many as asked for', () => {
  expect(enginePlace({})).toEqual({ processes: availableParallelism(), device: CPU });
  expect(enginePlace({ device: cuda })).toEqual({ processes: 1, device: cuda });
  expect(enginePlace({ device: cuda, processes: 2 })).toEqual({ processes: 2, device: cuda });
});

test('a run is in the precision of its device, or in the one asked for, if the device has it', () => {
  expect(precisionOn(CPU, undefined)).toBe('int8');
  expect(precisionOn(cuda, undefined)).toBe('fp16');
  expect(precisionOn(cuda, 'fp32')).toBe('fp32');
  expect(precisionOn(CPU, 'fp16')).toBe('fp16');
  expect(() => precisionOn(cuda, 'int8')).toThrow(UsageError);
  expect(() => precisionOn(cuda, 'int8-static')).toThrow('int8-static runs on a CPU only');
});

test('a worker on a GPU leaves a run in int8 alone, and says why', () => {
  const checkpoints = createCheckpoints('/nowhere', []);
  const context = { checkpoints } as unknown as Context;
  const open = engineOpener(context, { place: { processes: 1, device: cuda }, find: checkpoints.findAllowed });
  expect(() => open(SETTINGS)).toThrow(/int8 runs on a CPU only, and this is cuda:1/);
});
