import type { Command } from 'commander';
import { migrate } from '../../store/migrate.ts';
import { createRoles, hasRoles, ROLES } from '../../store/roles.ts';
import { withContext } from '../with-context.ts';

export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('create or update the tables in Postgres; safe to run at any time, by several at once')
    .option('--roles', `also make the group roles ${ROLES.join(', ')}, each with the rights it needs`)
    .addHelpText(
      'after',
      `
The tables go to the schema DETOXQ_SCHEMA; unset, to where they are already, else to "detoxq".

Examples:
  DATABASE_URL=postgres://detoxq@db/detoxq detoxq migrate
  detoxq migrate --roles && psql -c "CREATE USER alice PASSWORD '…' IN ROLE detoxq_worker"

Where these roles have rights already, an update gives them those to what is new. SECURITY.md says what each role may do.`,
    )
    .action(async ({ roles }: { roles?: boolean }) => {
      await withContext({ schema: 'skip' }, async ({ database, otherSchemas }) => {
        const applied = await migrate(database);
        // The roles need rights on new tables; otherwise workers and producers under these roles fail.
        const renew = roles || (applied.length > 0 && (await hasRoles(database)));
        const lines = [
          ...applied.map((name) => `Applied ${name}.`),
          `The schema ${database.schema} is up to date.`,
          ...(otherSchemas.length === 0
            ? []
            : [`Other installations in this database, left as they are: ${otherSchemas.join(', ')} (DETOXQ_SCHEMA).`]),
        ];
        process.stderr.write(`${lines.join('\n')}\n`);
        if (renew) {
          await createRoles(database);
          process.stderr.write(`The roles ${ROLES.join(', ')} have their rights.\n`);
        }
      });
    });
}
