import type { Command } from 'commander';
import { migrate } from '../store/migrate.ts';
import { createRoles, ROLES } from '../store/roles.ts';
import { withContext } from './context.ts';

export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('create or update the tables in Postgres; safe to run at any time, by several at once')
    .option('--roles', `also make the group roles ${ROLES.join(', ')}, each with the rights it needs`)
    .addHelpText(
      'after',
      `
Examples:
  DATABASE_URL=postgres://detoxq@db/detoxq detoxq migrate
  detoxq migrate --roles && psql -c "CREATE USER alice PASSWORD '…' IN ROLE detoxq_worker"

SECURITY.md says what each role may do.`,
    )
    .action(async ({ roles }: { roles?: boolean }) => {
      await withContext({ schema: 'skip' }, async ({ database }) => {
        const applied = await migrate(database);
        process.stderr.write(`${applied.map((name) => `Applied ${name}.\n`).join('')}The schema is up to date.\n`);
        if (roles) {
          await createRoles(database);
          process.stderr.write(`The roles ${ROLES.join(', ')} have their rights.\n`);
        }
      });
    });
}
