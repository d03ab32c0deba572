/**
 * An engine process without models: instant, deterministic, and obedient. It speaks the protocol of src/engine/protocol.ts.
 *
 * What a row's text asks for:
 * - contains `toxic`: scored .9 and "rewritten" by taking the word out
 * - `!die`: the process exits in the middle of its pool
 * - `!hang`: the process stops answering
 * - `!throw`: the pool fails
 * - `!silent`: the row is left out of the answer
 * - `!fault`: the row alone fails
 * - `!refuse` as the scorer's name: the models cannot be loaded; `!die-at-start`: exits before it is ready
 */
import type { RowResult } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';
import type { FromEngine, PooledVerdict, RowVerdict, ToEngine } from '../../src/engine/protocol.ts';

const digest = '0'.repeat(64);

function send(message: FromEngine): void {
  process.send?.(message);
}

function judge(row: SourceRow): RowVerdict {
  if (row.text.includes('!fault')) {
    return {
      rowNo: row.rowNo,
      rowKey: row.rowKey,
      fault: { stage: 'score', code: 'fake_fault', message: 'asked for' },
    };
  }
  const toxic = row.text.includes('toxic');
  const detoxified = toxic ? row.text.replaceAll(/\s*\btoxic\b/g, '') : null;
  const result: RowResult = {
    rowNo: row.rowNo,
    rowKey: row.rowKey,
    outcome: toxic ? 'detoxified' : 'clean',
    text: row.text,
    detoxified,
    toxicityBefore: toxic ? 0.9 : 0.1,
    toxicityAfter: toxic ? 0.1 : null,
    similarity: toxic ? 0.8 : null,
    tokensIn: row.text.split(' ').length,
    tokensOut: detoxified === null ? 0 : detoxified.split(' ').length,
    meta: row.meta,
  };
  return result;
}

process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('message', (message: ToEngine) => {
  if (message.type === 'start') {
    const { scorer, detoxifier, precision } = message.options;
    if (scorer.name === '!refuse') {
      send({ type: 'refused', message: 'this checkpoint is refused' });
      process.disconnect();
      return;
    }
    if (scorer.name === '!die-at-start') process.exit(9);
    send({
      type: 'ready',
      scorer: { name: scorer.name, architecture: 'Fake', digest, precision },
      detoxifier: { name: detoxifier.name, architecture: 'Fake', digest, precision },
      loadMs: 0,
    });
    return;
  }
  const { poolId, rows } = message;
  const verdicts: PooledVerdict[] = [];
  for (const [index, row] of rows.entries()) {
    if (row.text.includes('!die')) process.exit(7);
    if (row.text.includes('!hang')) for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    if (row.text.includes('!throw')) {
      send({ type: 'pool-failed', poolId, message: 'asked to throw' });
      return;
    }
    if (!row.text.includes('!silent')) verdicts.push({ index, verdict: judge(row) });
  }
  send({ type: 'verdicts', poolId, verdicts });
  send({
    type: 'pool-done',
    poolId,
    timings: { scoreMs: 1, rewriteMs: 1, textMs: 0 },
    rssBytes: rows.some((row) => row.text.includes('!fat')) ? 2 ** 40 : 2 ** 20,
  });
});
