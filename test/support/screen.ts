import { EventEmitter } from 'node:events';

/** A stream that remembers what was written, and stands for a terminal of so many columns. */
export interface FakeScreen {
  readonly stream: NodeJS.WriteStream;
  /** What a person sees: lines, after everything that was taken away and replaced. */
  lines(): string[];
  written(): string;
  resize(columns: number): void;
}

export function createFakeScreen(columns: number, isTTY = true): FakeScreen {
  let written = '';
  const stream = Object.assign(new EventEmitter(), {
    isTTY,
    columns,
    write(text: string | Uint8Array): boolean {
      written += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    },
  });
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    lines: () => shownLines(written),
    written: () => written,
    resize(next) {
      stream.columns = next;
      stream.emit('resize');
    },
  };
}

/** Obeys what detoxq sends to a terminal: line ends, returns, going up, clearing to the end; colours are left out. */
export function shownLines(written: string): string[] {
  const lines = [''];
  let row = 0;
  let column = 0;
  for (const [token] of written.matchAll(/\p{Cc}\[[\d;]*[A-Za-z]|[\s\S]/gu)) {
    const up = /^.\[(\d+)A$/.exec(token);
    if (token === '\n') {
      row += 1;
      column = 0;
      lines[row] ??= '';
    } else if (token === '\r') column = 0;
    else if (up !== null) row -= Number(up[1]);
    else if (token === '\x1b[J') {
      lines.length = row + 1;
      lines[row] = (lines[row] ?? '').slice(0, column);
    } else if (!token.startsWith('\x1b[')) {
      const line = lines[row] ?? '';
      lines[row] = line.slice(0, column) + token + line.slice(column + token.length);
      column += token.length;
    }
  }
  return lines;
}
