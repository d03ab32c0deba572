/** A result as lines of text. */
import type { Measured, Result } from './compare.ts';
import { median, range } from './statistics.ts';

export function printResults(results: readonly Result[]): void {
  for (const result of results) printResult(result);
}

function printResult(result: Result): void {
  const { machine, rows, ours, peers } = result;
  console.log(`${result.title}: ${rows.count} rows, ${rows.source}; cores ${result.cores.join(' ')} of ${machine.cpu}`);
  console.log(line(ours, ''));
  for (const peer of peers) {
    const { agreement } = peer;
    const difference = agreement.logits ? `, logits within ${agreement.logits.largest.toFixed(3)}` : '';
    const tokens = agreement.tokens ? `, ${agreement.tokens.join(' and ')} tokens` : '';
    const equal = `; equal ${agreement.equal} of ${agreement.rows}${tokens}${difference}`;
    console.log(line(peer, `; ours × ${median(peer.ratios).toFixed(2)} (${range(peer.ratios, 2)})${equal}`));
  }
  console.log(`  goal: × ${result.goal} of the fastest peer`);
}

function line(measured: Measured, rest: string): string {
  const { rowsPerSecond } = measured;
  const cpu = `${median(measured.rowsPerCpuSecond).toFixed(1)} a processor second`;
  const rate = `${median(rowsPerSecond).toFixed(1)} rows/s (${range(rowsPerSecond, 1)}), ${cpu}`;
  return `  ${measured.name.padEnd(24)} ${rate}, ${measured.peakMb.toFixed(0)} MB${rest}`;
}
