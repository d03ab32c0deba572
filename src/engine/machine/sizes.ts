import type { Sizes, TunedSizes } from '../../contract/machine.ts';
import { tokensPerBatch } from '../runtime/batches.ts';
import { KEEP_GOING_ABOVE, STEPS_PER_CALL } from '../runtime/greedy.ts';

/** 128 rows against 64: 64 rows/s instead of 59 on a base-size model. */
const MAX_ROWS = 128;
const MAX_HYPOTHESES = 128;

/**
 * Sizes that are in force unless a calibration of this machine has chosen others (`models compile --tune`). They were set by
 * hand, from measurements on one kind of processor.
 *
 * @param features of a hidden value
 */
export function defaultSizes(features: number): Sizes {
  return {
    maxBatchTokens: tokensPerBatch(features),
    maxRows: MAX_ROWS,
    stepsPerCall: STEPS_PER_CALL,
    keepGoingAbove: KEEP_GOING_ABOVE,
    maxHypotheses: MAX_HYPOTHESES,
  };
}

/** @param asked sizes that the caller wants; they override all others */
export function sizesInForce(features: number, tuned: TunedSizes, asked: AskedSizes): Sizes {
  const sizes = { ...defaultSizes(features), ...tuned };
  return {
    ...sizes,
    maxBatchTokens: asked.maxBatchTokens ?? sizes.maxBatchTokens,
    maxRows: asked.maxRows ?? sizes.maxRows,
    maxHypotheses: asked.maxRows ?? sizes.maxHypotheses,
  };
}

interface AskedSizes {
  readonly maxBatchTokens?: number;
  readonly maxRows?: number;
}
