import type { Block, Document, Table } from '../../report/index.ts';
import { displayWidth } from './text-width.ts';
import { visible } from './visible.ts';
import { wrap } from './wrap.ts';

/** No column is squeezed below this. */
const NARROWEST = 12;
const GAP = 2;

/** A report for a terminal of so many columns; plots are left out, their numbers stand in the tables. */
export function documentText({ sections }: Document, width: number): string {
  return sections
    .map(({ heading, blocks }) => {
      const shown = blocks.map((block) => blockText(block, width)).filter((text) => text !== '');
      const title = wrap(visible(heading), width);
      const rule = '─'.repeat(Math.max(...title.map(displayWidth)));
      return [[...title, rule].join('\n'), ...shown].join('\n\n');
    })
    .join('\n\n\n');
}

function blockText(block: Block, width: number): string {
  switch (block.kind) {
    case 'text':
      return wrap(visible(block.text), width).join('\n');
    case 'list':
      return block.items
        .flatMap((item) => wrap(visible(item), width - 2).map((line, at) => `${at === 0 ? '-' : ' '} ${line}`))
        .join('\n');
    case 'code':
      return block.text.replace(/^/gm, '  ');
    case 'table':
      return tableText(block, width);
    case 'bars':
    case 'curves':
      return '';
  }
}

/** Aligned columns; cells that are too wide are broken into lines. */
function tableText({ columns, rows }: Table, width: number): string {
  const cells = [columns, ...rows].map((row) => row.map(visible));
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => displayWidth(row[at] ?? ''))));
  const limit = (): number => widths.reduce((sum, own) => sum + own + GAP, -GAP);
  while (limit() > width) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  const numeric = columns.map(
    (_, at) =>
      at > 0 && cells.slice(1).every((row) => /^[\d–,.]/.test(row[at] ?? '') && displayWidth(row[at] ?? '') <= 12),
  );
  const line = (row: readonly string[]): string[] => {
    const broken = row.map((cell, at) => wrap(cell, widths[at] ?? 0));
    const height = Math.max(...broken.map((lines) => lines.length));
    return Array.from({ length: height }, (_, n) =>
      broken
        .map((lines, at) => {
          const text = lines[n] ?? '';
          const fill = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)));
          return numeric[at] ? fill + text : text + fill;
        })
        .join(' '.repeat(GAP))
        .trimEnd(),
    );
  };
  const [head = [], ...body] = cells.map(line);
  const rule = widths.map((own) => '─'.repeat(own)).join(' '.repeat(GAP));
  return [...head, rule, ...body.flat()].join('\n');
}
