import { Command, CommanderError } from 'commander';
import { version } from '../config.ts';
import { reportFailure } from './errors.ts';
import { fitHelp } from './help.ts';
import { guardStandardStreams, outputFailure } from './terminal/standard-streams.ts';
import { terminal } from './terminal/terminal.ts';
import { addVerbs } from './verbs.ts';

guardStandardStreams();

const program = new Command('detoxq');
fitHelp(program);
program
  .description(
    'Cleans text corpora of toxicity: scores every row, rewrites what is toxic, scores again,\n' +
      'and leaves one outcome per row in Postgres.',
  )
  .version(version)
  .showSuggestionAfterError()
  .addHelpText(
    'after',
    `
Start here:
  detoxq run comments.csv --out cleaned.csv    everything on this machine,
                                               no services needed

With DATABASE_URL and REDIS_URL set, the same verbs use those, on as many machines as you like:
  detoxq migrate && detoxq enqueue comments.csv
  detoxq worker                                as many as you like, anywhere

Exit codes: 0 done, 1 failed, 2 usage, 3 finished with row errors.`,
  );

// Errors thrown in an event of a library, which no caller can catch.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => process.exit(reportFailure(error, version) || 1));
}

/** SQL may start with a comment (`-- …`), which looks like an option: it is moved behind the `--` that ends the options. */
function withSqlApart(argv: readonly string[]): string[] {
  const isSql = (word: string): boolean => /^--?\s/.test(word);
  const sql = argv[2] === 'query' ? argv.filter(isSql) : [];
  return sql.length === 0 ? [...argv] : [...argv.filter((word) => !isSql(word)), '--', ...sql];
}

await addVerbs(program, process.argv[2]);

for (const command of [program, ...program.commands, ...program.commands.flatMap((verb) => verb.commands)]) {
  command.exitOverride();
}

try {
  await program.parseAsync(withSqlApart(process.argv));
  terminal.clear();
} catch (error) {
  terminal.clear();
  // Commander has printed its own message. Its exit code is 1 for every wrong usage, and 0 for help and version.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = reportFailure(error, version);
}
const failure = await outputFailure();
if (failure !== null) process.exitCode = reportFailure(failure, version);
// Everything is closed by now, but a library may hold the process: BullMQ goes on extending locks when Redis was away
// while its worker closed.
process.exit();
