import type { Command } from 'commander';

/** The verbs about models alone: no queue, no database. */
export function addModelsCommand(program: Command): Command {
  return program.command('models').description('checkpoints: fetch, compile, look at, try, compare');
}
