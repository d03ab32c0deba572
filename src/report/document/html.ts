import type { Block, Document, Table } from './document.ts';
import { escapeHtml } from './escape-html.ts';
import { barsSvg, curvesSvg } from './plots.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6675; --line: #d8dee6; --paper: #ffffff; --band: #f5f7fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #9aa5b4; --line: #364152; --paper: #141a23; --band: #1b2430; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p, li { max-width: 62rem; } ul { padding-left: 1.25rem; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); min-width: 4rem; }
th { color: var(--soft); font-weight: 600; } tbody th { white-space: pre; }
th.number { text-align: right; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
table.long td { min-width: 13rem; overflow-wrap: anywhere; } table.long td.number { min-width: 2rem; }
pre { background: var(--band); padding: .75rem 1rem; overflow-x: auto; font-size: .8125rem; }
figure { margin: 1rem 1.5rem 1rem 0; display: inline-block; vertical-align: top; max-width: 100%; }
figcaption { font-size: .8125rem; color: var(--soft); margin-bottom: .25rem; }
svg { max-width: 100%; height: auto; } svg text { fill: currentColor; font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); } svg .whisker { stroke: var(--ink); fill: none; }
`;

/**
 * A report as one HTML file with styles and plots inside, and without scripts. Everything that comes from data is escaped.
 * A content security policy also forbids the browser to load or run anything.
 */
export function documentHtml({ title, sections }: Document): string {
  const body = sections.map(
    ({ heading, blocks }) => `<section>\n<h2>${escapeHtml(heading)}</h2>\n${blocks.map(block).join('\n')}\n</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body.join('\n')}
</body>
</html>
`;
}

function block(item: Block): string {
  switch (item.kind) {
    case 'text':
      return `<p>${escapeHtml(item.text)}</p>`;
    case 'list':
      return `<ul>${item.items.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`;
    case 'code':
      return `<pre><code>${escapeHtml(item.text)}</code></pre>`;
    case 'table':
      return table(item);
    case 'bars':
      return figure(item.title, item.bars.length === 0 ? '' : barsSvg(item));
    case 'curves':
      return figure(item.title, curvesSvg(item));
  }
}

function figure(title: string, svg: string): string {
  return svg === '' ? '' : `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}</figure>`;
}

function table({ columns, rows, long = false }: Table): string {
  const numeric = columns.map((_, at) => rows.every((row) => /^(–|[\d,.]+( %| M| MB)?)$/.test(row[at] ?? '')));
  const cells = (row: readonly string[]): string =>
    row
      .map((text, at) =>
        at === 0 && !long
          ? `<th scope="row">${escapeHtml(text)}</th>`
          : `<td${numeric[at] ? ' class="number"' : ''}>${escapeHtml(text)}</td>`,
      )
      .join('');
  const head = columns
    .map((name, at) => `<th scope="col"${numeric[at] ? ' class="number"' : ''}>${escapeHtml(name)}</th>`)
    .join('');
  return `<div class="scroll"><table${long ? ' class="long"' : ''}>
<thead><tr>${head}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row)}</tr>`).join('\n')}
</tbody>
</table></div>`;
}
