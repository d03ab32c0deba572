import { expect } from 'vitest';
import { CheckpointError } from '../../src/contract/errors.ts';

/** The message with which a checkpoint is refused; `no error` where it is not. */
export function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return error instanceof Error ? error.message : '';
  }
  return 'no error';
}
