/**
 * An engine process without models: instant, deterministic, and obedient. It speaks the protocol of src/engine/process/protocol.ts.
 *
 * What a row's text asks for:
 * - contains `toxic`: scored .9 and "rewritten" by taking the word out
 * - `!die`: the process exits in the middle of its group; `!abort`: the same by SIGABRT, as native code does
 * - `!hang`: the process stops answering; `!block`: the same, busy
 * - `!long`: the row takes 3 s, and the process says that it gets on
 * - `!throw`: the group fails
 * - `!silent`: the row is left out of the answer
 * - `!fault`: the row alone fails
 * - `!leak`: 64 MiB are kept for good; `!fat`: the process says that it has 1 TiB
 * - `!garbage-…`: the row's answer is none (see `spoil`)
 * - `!kill-worker`: the process that it works for is killed
 *
 * What the scorer's name asks for: `!refuse`: the models cannot be loaded; `!die-at-start`: exits before it is ready;
 * `!slow=5`: every row takes 5 ms.
 */
import { OUTCOMES } from '../../src/contract/outcome.ts';
import { fromGroupRows, type GroupedVerdict, toGroupVerdicts } from '../../src/engine/process/columns.ts';
import { endWithSupervisor } from '../../src/engine/process/end-with-supervisor.ts';
import type { FromEngine, GroupVerdicts, ToEngine } from '../../src/engine/process/protocol.ts';
import { verdictOf } from './fake-verdict.ts';

const digest = '0'.repeat(64);
const kept: Buffer[] = [];
const supervisor = process.ppid;
let rowMs = 0;

function send(message: FromEngine): void {
  process.send?.(message);
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Puts something in the columns that no engine may answer. */
function spoil(verdicts: GroupVerdicts, at: number, kind: string): void {
  const columns: Record<string, unknown[]> = Object.fromEntries(Object.entries(verdicts));
  const spoilt: Record<string, object> = {
    nothing: { outcomes: undefined, tokensIn: undefined, tokensOut: undefined },
    'no-rewrite': { outcomes: OUTCOMES.indexOf('detoxified'), detoxified: null },
    fraction: { tokensIn: 1.5 },
    nan: { toxicityBefore: Number.NaN },
    outcome: { outcomes: OUTCOMES.length },
  };
  for (const [column, value] of Object.entries(spoilt[kind] ?? {})) columns[column]?.splice(at, 1, value);
}

endWithSupervisor();
process.on('message', (message: ToEngine) => {
  if (message.type === 'start') {
    const { scorer, detoxifier, precision } = message.options;
    if (scorer.name === '!refuse') {
      send({ type: 'refused', message: 'this checkpoint is refused' });
      process.disconnect();
      return;
    }
    if (scorer.name === '!die-at-start') process.exit(9);
    rowMs = Number(/!slow=(\d+)/.exec(scorer.name)?.[1] ?? 0);
    send({
      type: 'ready',
      scorer: { name: scorer.name, architecture: 'Fake', digest, precision },
      detoxifier: { name: detoxifier.name, architecture: 'Fake', digest, precision },
      loadMs: 0,
    });
    return;
  }
  const { groupId } = message;
  const rows = fromGroupRows(message.rows);
  const answered: GroupedVerdict[] = [];
  const spoilt: { at: number; kind: string }[] = [];
  for (const [index, row] of rows.entries()) {
    if (rowMs > 0) sleep(rowMs);
    const { text } = row;
    if (text.includes('!die')) process.exit(7);
    if (text.includes('!abort')) process.abort();
    if (text.includes('!hang')) for (;;) sleep(Number.POSITIVE_INFINITY);
    if (text.includes('!block')) for (;;) rowMs = Math.max(rowMs, 0);
    for (let left = text.includes('!long') ? 12 : 0; left > 0; left -= 1) {
      sleep(250);
      send({ type: 'alive' });
    }
    if (text.includes('!kill-worker')) {
      if (process.ppid === supervisor) process.kill(supervisor, 'SIGKILL');
      process.exit(0);
    }
    if (text.includes('!leak')) kept.push(Buffer.alloc(64 * 2 ** 20, 1));
    if (text.includes('!garbage-message')) {
      process.send?.({ type: 'verdicts', groupId, verdicts: 'garbage' });
      process.send?.('garbage');
      return;
    }
    if (text.includes('!throw')) {
      send({ type: 'group-failed', groupId, message: 'asked to throw' });
      return;
    }
    const kind = /!garbage-([a-z-]+)/.exec(text)?.[1];
    if (kind !== undefined) spoilt.push({ at: answered.length, kind });
    if (!text.includes('!silent')) answered.push({ index, row, verdict: verdictOf(row) });
  }
  const verdicts = toGroupVerdicts(answered);
  for (const { at, kind } of spoilt) spoil(verdicts, at, kind);
  send({ type: 'verdicts', groupId, verdicts });
  send({
    type: 'group-done',
    groupId,
    timings: { scoreMs: 1, rewriteMs: 1, textMs: 0 },
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    rssBytes: rows.some((row) => row.text.includes('!fat')) ? 2 ** 40 : process.memoryUsage.rss(),
  });
});
