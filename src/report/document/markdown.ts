import type { Block, Document, Table } from './document.ts';

/** A report as Markdown. Plots are left out: their numbers stand in the tables. */
export function documentMarkdown({ title, sections }: Document): string {
  const parts = sections.flatMap(({ heading, blocks }) => [
    `## ${escapeMarkdown(heading)}`,
    ...blocks.map(block).filter((text) => text !== ''),
  ]);
  return `${[`# ${escapeMarkdown(title)}`, ...parts].join('\n\n')}\n`;
}

function block(item: Block): string {
  switch (item.kind) {
    case 'text':
      return escapeMarkdown(item.text);
    case 'list':
      return item.items.map((text) => `- ${escapeMarkdown(text)}`).join('\n');
    case 'code':
      return `\`\`\`sql\n${item.text}\n\`\`\``;
    case 'table':
      return table(item);
    case 'bars':
    case 'curves':
      return '';
  }
}

function table({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** Texts of rows are data: nothing in them is markup, and no line break ends a cell. */
function cell(text: string): string {
  return text.startsWith('  ') ? `&nbsp;&nbsp;${escapeMarkdown(text.trimStart())}` : escapeMarkdown(text);
}

function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/gu, ' ')
    .replace(/[\\`*_{}[\]<>|#~$&]/g, (character) => `\\${character}`)
    .replace(/\\&/g, '&amp;')
    .replace(/\\</g, '&lt;')
    .replace(/\\>/g, '&gt;');
}
