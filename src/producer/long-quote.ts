/** A quoted field of so many lines is rare where quotes are not text. */
const MANY_LINES = 20;
/** Delimiters that sentences have, too. */
const PROSE = [',', ';', ' ', ':', '.', '-', "'"];
/** Lines that all have as many delimiters as the header: fewer may be prose. */
const ROWS_OF_PROSE = 8;

/**
 * Whether a quoted field of several lines looks as if its quotes were text and it had swallowed rows.
 *
 * @param field its content, its line breaks, and the first field of its record, where it is not that one
 * @param columns fields of the header
 */
export function looksSwallowed(
  { content, lines, key }: { readonly content: string; readonly lines: number; readonly key: string | undefined },
  delimiter: string,
  columns: number,
): boolean {
  if (lines >= MANY_LINES) return true;
  if (columns < 2 || !content.includes(delimiter)) return false;
  const isProse = PROSE.includes(delimiter);
  // The first line of the field is not a row, and a single further line proves little. Most fields are told by their second line.
  if (isProse && (lines < 2 || !isRow(secondLine(content), delimiter, columns))) return false;
  const [, ...after] = content.split(LINE_END);
  const inner = after.slice(0, -1);
  const rows = inner.filter((line) => isRow(line, delimiter, columns));
  if (isProse) {
    return (
      rows.length === inner.length &&
      (rows.length >= ROWS_OF_PROSE || (isNumber(key) && rows.every((row) => isNumber(row.split(delimiter)[0]))))
    );
  }
  const last = after.at(-1)?.split(delimiter).length ?? 0;
  return rows.length > 0 || (last > 1 && last <= columns);
}

const LINE_END = /\r\n|\n|\r/;

function secondLine(content: string): string {
  const from = content.search(/[\r\n]/) + 1;
  const second = content.charAt(from) === '\n' && content.charAt(from - 1) === '\r' ? from + 1 : from;
  const length = content.slice(second).search(/[\r\n]/);
  return length === -1 ? '' : content.slice(second, second + length);
}

function isRow(line: string, delimiter: string, columns: number): boolean {
  return line.split(delimiter).length === columns;
}

function isNumber(field: string | undefined): boolean {
  return field !== undefined && /^\d+$/.test(field);
}
