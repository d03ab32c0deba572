import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../../contract/errors.ts';
import { type Dialect, parseDelimiter, parseEscape, parseQuote } from '../../producer/dialect.ts';
import { parseEncoding } from '../../producer/encoding.ts';
import { messageWithAdvice } from '../advice.ts';
import { wholeNumber } from './whole-number.ts';

/** How files are written, for every verb that reads files of rows. */
export function addDialectOptions(command: Command): Command {
  return command
    .option(
      '--delimiter <character>',
      'between fields of CSV and TSV: a character, or tab, semicolon, pipe, \\x01, … (default: told by the first lines)',
      parsed(parseDelimiter),
    )
    .option(
      '--quote <character>',
      'around fields of CSV and TSV, or none: quotes are text (default: ")',
      parsed(parseQuote),
    )
    .option(
      '--escape <character>',
      "in CSV and TSV, before a quote inside quotes: '\\' as Spark writes it (default: such a quote is written twice)",
      parsed(parseEscape),
    )
    .option(
      '--encoding <name>',
      'utf-8, windows-1252, iso-8859-1, utf-16le, … (default: utf-8, or utf-16 where a byte order mark says so)',
      parsed(parseEncoding),
    )
    .option('--skip-lines <lines>', 'lines to leave out at the start of every file', wholeNumber(0));
}

/** The options that say something, as they are written. */
export function dialectOptionsGiven(dialect: Dialect): string[] {
  const names = {
    delimiter: '--delimiter',
    quote: '--quote',
    escape: '--escape',
    encoding: '--encoding',
    skipLines: '--skip-lines',
  } as const;
  return (Object.keys(names) as (keyof typeof names)[]).flatMap((key) =>
    dialect[key] === undefined ? [] : [names[key]],
  );
}

function parsed<T>(parse: (value: string) => T): (value: string) => T {
  return (value) => {
    try {
      return parse(value);
    } catch (error) {
      if (error instanceof UsageError) throw new InvalidArgumentError(messageWithAdvice(error));
      throw error;
    }
  };
}
