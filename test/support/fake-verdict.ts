import type { RowVerdict } from '../../src/contract/outcome.ts';
import type { SourceRow } from '../../src/contract/row.ts';

/** What the fake engine (fake-engine.ts) says about a row that asks for nothing special. */
export function verdictOf(row: SourceRow): RowVerdict {
  const { rowNo, rowKey, text, meta } = row;
  if (text.includes('!fault')) {
    return { rowNo, rowKey, fault: { stage: 'score', code: 'fake_fault', message: 'asked for' } };
  }
  const toxic = text.includes('toxic');
  const detoxified = toxic ? text.replaceAll(/\s*\btoxic\b/g, '') : null;
  return {
    rowNo,
    rowKey,
    outcome: toxic ? 'detoxified' : 'clean',
    text,
    detoxified,
    toxicityBefore: toxic ? 0.9 : 0.1,
    toxicityAfter: toxic ? 0.1 : null,
    similarity: toxic ? 0.8 : null,
    tokensIn: text.split(' ').length,
    tokensOut: detoxified === null ? 0 : detoxified.split(' ').length,
    meta,
  };
}
