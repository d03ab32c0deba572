#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../config.ts';
import { reportFailure } from './errors.ts';
import { addVerbs } from './verbs.ts';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));

const program = new Command('detoxq')
  .description(
    'Cleans text corpora of toxicity: scores every row, rewrites what is toxic, scores again,\n' +
      'and leaves one outcome a row in Postgres.',
  )
  .version(version)
  .showSuggestionAfterError()
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    'after',
    `
Start here:
  detoxq run comments.csv --out cleaned.csv    everything on this machine, no services needed

With DATABASE_URL and REDIS_URL set, the same verbs use those, on as many machines as you like:
  detoxq migrate && detoxq enqueue comments.csv
  detoxq worker                                as many as you like, anywhere

Exit codes: 0 done, 1 failed, 2 usage, 3 finished with row errors.`,
  );

await addVerbs(program, process.argv[2]);

for (const command of [program, ...program.commands, ...program.commands.flatMap((verb) => verb.commands)]) {
  command.exitOverride();
}

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message; it calls every wrong usage 1, and help and version 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = reportFailure(error);
}
// Everything is closed by now, but a library may hold the process: BullMQ goes on extending locks when Redis was away
// while its worker closed. What was written goes out first.
process.stdout.write('', () => process.exit());
