import type { Marks } from './record.ts';

/**
 * What a field says, where it has escapes or quotes that stand twice.
 *
 * Inside quotes an escape counts before a quote and before an escape, as Spark, Postgres and DuckDB write them; where
 * quotes are text, before an escape, a delimiter and a line end. Elsewhere it is text, as in `C:\new`.
 */
export function createUnescape({ delimiter, quote, escape: mark }: Marks): (field: string) => string {
  if (quote !== null && (mark === null || mark === quote)) return (field) => field.replaceAll(quote + quote, quote);
  if (mark === null) return (field) => field;
  const [before, what] = [literal(mark), literal(quote ?? delimiter)];
  const escaped = new RegExp(
    quote === null ? `${before}(${before}|${what}|\\r*\\n|\\r)` : `${before}(${before}|${what})|${what}(${what})`,
    'g',
  );
  return (field) =>
    field.replace(escaped, (_, first: string | undefined, second: string | undefined) => first ?? second ?? '');
}

/**
 * Whether an odd number of escapes stands right before `at`, counted back to `from`, and from there in what came before.
 */
export function endsEscaped(mark: string, text: string, from: number, at: number, before: string): boolean {
  const code = mark.charCodeAt(0);
  let count = 0;
  while (at - count > from && text.charCodeAt(at - 1 - count) === code) count += 1;
  if (at - count === from) {
    for (let index = before.length - 1; index >= 0 && before.charCodeAt(index) === code; index--) count += 1;
  }
  return count % 2 === 1;
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
