import type { Command } from 'commander';
import { migrate } from '../store/migrate.ts';
import { withContext } from './context.ts';

export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('create or update the tables in Postgres; safe to run at any time, by several at once')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://detoxq@db/detoxq detoxq migrate')
    .action(async () => {
      await withContext({ schema: 'skip' }, async ({ database }) => {
        const applied = await migrate(database);
        process.stderr.write(`${applied.map((name) => `Applied ${name}.\n`).join('')}The schema is up to date.\n`);
      });
    });
}
