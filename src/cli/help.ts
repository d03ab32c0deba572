import { styleText } from 'node:util';
import type { Command } from 'commander';
import { outputColors, outputColumns } from './terminal/terminal.ts';
import { displayWidth } from './terminal/text-width.ts';
import { wrap } from './terminal/wrap.ts';

/** Columns of output that does not go to a terminal. */
const PLAIN_COLUMNS = 80;
/** Longer lines are hard to read. */
const MOST_COLUMNS = 120;
/** A description that has less room stands below its option. */
const LEAST_ROOM = 24;
const INDENT = 2;
const BELOW = 6;

/** Help in the width and the colours of the terminal; commands that are added later get it, too. */
export function fitHelp(program: Command): void {
  const columns = Math.min(MOST_COLUMNS, outputColumns() ?? PLAIN_COLUMNS);
  const style = (name: 'bold' | 'cyan', text: string): string => styleText(name, text, { validateStream: false });
  program
    .configureOutput({
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
      getOutHasColors: outputColors,
      writeOut: (text) => process.stdout.write(fitParagraphs(text, columns)),
      // Help after a wrong command comes here, too. Errors are lines already.
      writeErr: (text) => process.stderr.write(text.startsWith('error:') ? text : fitParagraphs(text, columns)),
    })
    .configureHelp({
      minWidthToWrap: 1,
      styleTitle: (text) => style('bold', text),
      styleOptionTerm: (text) => style('cyan', text),
      styleSubcommandTerm: (text) => style('cyan', text),
      styleArgumentTerm: (text) => style('cyan', text),
      formatItem(term, termWidth, description, helper) {
        const room = columns - INDENT - termWidth - 2;
        const start = ' '.repeat(INDENT) + term;
        if (description === '') return start;
        if (room < LEAST_ROOM) return [start, ...indented(wrap(description, columns - BELOW), BELOW)].join('\n');
        const [first = '', ...more] = wrap(description, room);
        const gap = ' '.repeat(termWidth + 2 - helper.displayWidth(term));
        return [start + gap + first, ...indented(more, INDENT + termWidth + 2)].join('\n');
      },
    });
}

/** Breaks what stands at the margin into lines that fit. What is indented is an example: it stays as it is. */
export function fitParagraphs(text: string, columns: number): string {
  const out: string[] = [];
  let paragraph: string[] = [];
  const end = (): void => {
    if (paragraph.length > 0) out.push(...wrap(paragraph.join(' '), columns));
    paragraph = [];
  };
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith(' ') || line.startsWith('\x1b')) {
      end();
      out.push(line);
    } else if (line.endsWith(':')) {
      paragraph.push(line);
      end();
    } else paragraph.push(line);
  }
  end();
  return out.join('\n');
}

function indented(lines: readonly string[], columns: number): string[] {
  return lines.map((line) => (displayWidth(line) === 0 ? '' : ' '.repeat(columns) + line));
}
