import type { MachineFacts, ProductRate, Sizes, TunedSize } from '../../contract/machine.ts';
import type { Precision } from '../../contract/models.ts';
import type { CheckpointSizes } from '../../engine/index.ts';
import { formatCount } from '../../util/format.ts';
import { outputTable } from './table.ts';

/** Sizes of the work, as people call them. */
export const SIZE_NAMES: Readonly<Record<keyof Sizes, string>> = {
  maxBatchTokens: 'tokens in a batch of the encoder',
  maxRows: 'rows decoded together',
  stepsPerCall: 'steps in a call of the decoder',
  keepGoingAbove: 'share of rows at which a call ends',
  maxHypotheses: 'hypotheses decoded together (beams, samples)',
};

export interface NamedSizes extends CheckpointSizes {
  readonly name: string;
  readonly precision: Precision;
}

export function deviceText({ processor, runtime, int8, rates }: MachineFacts): string {
  const sets = processor.instructionSets;
  const lines: (readonly [string, string])[] = [
    ['processor', `${processor.model}, ${processor.architecture}, ${formatCount(processor.cores)} cores to use`],
    ['instruction sets', sets === null ? 'this operating system does not say' : sets.join(', ') || 'none that matters'],
    ['int8', `u8 activations × s8 weights up to ±${int8.weightLimit}: ${int8.reason}`],
    ['onnxruntime', `${runtime.version}, built with ${runtime.providers.join(', ')}`],
  ];
  const width = Math.max(...lines.map(([key]) => key.length));
  const facts = lines.map(([key, value]) => `${key.padEnd(width)}  ${value}`).join('\n');
  const table = outputTable(['product, one thread', 'int8, GMAC/s', 'fp32, GMAC/s'], rates.map(rateCells), {
    overflow: 'wrap',
  });
  return `${facts}\n\n${table}\n${adviceOnPrecision(rates)}`;
}

/** Below it, int8 saves a run little time: products are not all of it. */
const LEAST_GAIN = 1.2;

/** Which precision the rate with most rows speaks for: there most of the work is done. */
function adviceOnPrecision(rates: readonly ProductRate[]): string {
  const { int8, fp32 } = rates.at(-1) ?? { int8: Number.NaN, fp32: Number.NaN };
  const times = `Products in int8 are ${(int8 / fp32).toFixed(1)} times as fast as in fp32 here`;
  if (int8 / fp32 >= LEAST_GAIN) return `${times}.`;
  return `${times}: --precision fp32 costs a run little time, though memory, and keeps the checkpoint's own results.`;
}

function rateCells({ rows, inputs, outputs, int8, fp32 }: ProductRate): string[] {
  return [`${rows} rows, ${inputs} → ${outputs}`, int8.toFixed(1), fp32.toFixed(1)];
}

export function sizesText({ name, precision, sizes, tuned }: NamedSizes): string {
  const names = Object.keys(sizes) as (keyof Sizes)[];
  const rows = names.map((size) => [SIZE_NAMES[size], sizes[size], tuned.includes(size) ? 'tuned' : 'default']);
  return outputTable([`${name}, ${precision}`, 'size', 'from'], rows, { overflow: 'wrap' });
}

export function tunedText(measured: readonly TunedSize[]): string {
  const rows = measured.map(({ size, chosen, defaultRate, chosenRate, unit, ...each }) => {
    const gain = `${chosenRate >= defaultRate ? '+' : ''}${(100 * (chosenRate / defaultRate - 1)).toFixed(0)} %`;
    const rates = [defaultRate, chosenRate].map((rate) => `${formatCount(Math.round(rate))} ${unit}/s`);
    return [SIZE_NAMES[size], each.default, chosen, ...rates, chosen === each.default ? '' : gain];
  });
  return outputTable(['size', 'default', 'chosen', 'with the default', 'with the chosen', 'gain'], rows, {
    overflow: 'wrap',
  });
}
