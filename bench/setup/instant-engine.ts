/**
 * An engine process that answers at once, so that what it takes is the messages alone: every fifth row of a group is
 * rewritten to its own text without the first word, the others are clean.
 */

import type { RowVerdict } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';
import { fromGroupRows, toGroupVerdicts } from '../../src/engine/process/columns.ts';
import { endWithSupervisor } from '../../src/engine/process/end-with-supervisor.ts';
import type { FromEngine, ToEngine } from '../../src/engine/process/protocol.ts';

const REWRITTEN_EVERY = 5;
const digest = '0'.repeat(64);

function send(message: FromEngine): void {
  process.send?.(message);
}

function verdictOf(row: SourceRow, index: number): RowVerdict {
  const clean = { ...row, outcome: 'clean', detoxified: null, toxicityBefore: 0.1, toxicityAfter: null } as const;
  if (index % REWRITTEN_EVERY > 0) return { ...clean, similarity: null, tokensIn: 20, tokensOut: 0 };
  const detoxified = row.text.slice(row.text.indexOf(' ') + 1);
  const shares = { toxicityBefore: 0.9, toxicityAfter: 0.1, similarity: 0.8 };
  return { ...row, outcome: 'detoxified', detoxified, ...shares, tokensIn: 20, tokensOut: 19 };
}

endWithSupervisor();
process.on('message', (message: ToEngine) => {
  if (message.type === 'start') {
    const { scorer, detoxifier, precision } = message.options;
    const identity = { architecture: 'Fake', digest, precision };
    send({
      type: 'ready',
      scorer: { name: scorer.name, ...identity },
      detoxifier: { name: detoxifier.name, ...identity },
      loadMs: 0,
    });
    return;
  }
  const { groupId } = message;
  const answers = fromGroupRows(message.rows).map((row, index) => ({ index, row, verdict: verdictOf(row, index) }));
  send({ type: 'verdicts', groupId, verdicts: toGroupVerdicts(answers) });
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  const timings = { scoreMs: 0, rewriteMs: 0, textMs: 0 };
  send({ type: 'group-done', groupId, timings, rssBytes: process.memoryUsage.rss(), peakRssBytes });
});
