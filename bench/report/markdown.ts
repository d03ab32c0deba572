/** Pieces of the report that several sections have. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}

export function cores(names: readonly string[]): string {
  return names.length === 1 ? 'one core' : `${names.length} cores`;
}
