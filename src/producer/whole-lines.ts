import { UsageError } from '../contract/errors.ts';
import { pipeFrom } from './pipe-from.ts';
import type { RawRecord } from './record.ts';

interface Mark {
  /** For messages. */
  readonly name: string;
  readonly pattern: RegExp;
  /** What to do about it. */
  readonly advice: string;
  /** Stands in texts, too: it counts only where every line has it as often as the header. */
  readonly isCommon: boolean;
}

const rare = (character: string, option: string): Mark => ({
  name: option,
  pattern: new RegExp(`\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`, 'gu'),
  advice: `--delimiter '${option}'`,
  isCommon: false,
});

/** In this order: `::` is no `:`. */
const MARKS: readonly Mark[] = [
  ...[1, 2, 3, 28, 29, 30, 31].map((code) => {
    return rare(String.fromCharCode(code), `\\x${code.toString(16).padStart(2, '0')}`);
  }),
  ...['^', '~', '¦', '§', '¬', '|', ';', '\t', ','].map((mark) => rare(mark, mark === '\t' ? 'tab' : mark)),
  {
    name: '::',
    pattern: /::/g,
    advice: `a delimiter is one character, so convert it: ${pipeFrom("sed 's/::/\\t/g' FILE", 'tsv')}`,
    isCommon: true,
  },
  { name: ':', pattern: /:(?=\S)/g, advice: "--delimiter ':'", isCommon: true },
  {
    name: 'several spaces',
    pattern: /(?<=\S) {2,}(?=\S)/g,
    advice: `a delimiter is one character, so convert it: ${pipeFrom("sed -E 's/ {2,}/\\t/g' FILE", 'tsv')}`,
    isCommon: true,
  },
];

/**
 * Throws UsageError where a table seems to have one column only because its fields are separated by another mark: the
 * header and its rows have the same one equally often.
 */
export function requireNoOtherMark(name: string, records: readonly RawRecord[]): void {
  const [header, ...lines] = records.flatMap(({ fields, problem }) => (problem === null ? [fields.join(',')] : []));
  if (header === undefined || lines.length === 0) return;
  for (const { name: mark, pattern, advice, isCommon } of MARKS) {
    const count = header.match(pattern)?.length ?? 0;
    if (count === 0) continue;
    const counts = lines.map((line) => line.match(pattern)?.length ?? 0);
    const same = counts.filter((other) => other === count).length;
    const fits = isCommon ? same === lines.length : counts.every((other) => other >= count) && same >= lines.length / 2;
    if (!fits) continue;
    throw new UsageError(
      `${name}: has one column, but its header and rows are separated by ${mark}; ${advice}. ` +
        'Where whole lines are the text, name the column with --text-column, or read them with --format txt',
    );
  }
}
