import type { Command } from 'commander';
import { openRun } from '../../app/run-handle.ts';
import { UsageError } from '../../contract/errors.ts';
import { withContext } from '../with-context.ts';
import { canAsk, describeRun, isConfirmed, isLatest } from './chosen-run.ts';

export function addDeleteCommand(program: Command): void {
  program
    .command('delete')
    .argument('<run>', 'run id, name, or latest')
    .description('remove a run with its results, row errors and ledger')
    .option('--yes', 'do not ask; needed without a terminal')
    .option('--json', 'print what was removed as JSON')
    .addHelpText(
      'after',
      `
Example:
  detoxq delete r7k2m9qd --yes

Only a run that is done or cancelled can be deleted. It cannot be undone: it asks on a terminal, and --yes takes no
"latest", because that may be another run by then. What the queue holds of the run is removed, too; a command that
cannot reach the queue says so, and the next worker does it.`,
    )
    .action(async (reference: string, options: { yes?: boolean; json?: boolean }) => {
      process.exitCode = await withContext({}, async (context) => {
        const run = await openRun(context, reference).details();
        const handle = openRun(context, run.id);
        const progress = await handle.progress();
        if (options.yes && isLatest(reference)) {
          throw new UsageError(
            `latest is ${describeRun(run, progress)}. Nothing was deleted; say which run: detoxq delete ${run.id} --yes`,
          );
        }
        if (!options.yes && !canAsk()) {
          throw new UsageError(
            `there is no terminal to ask on. To delete ${describeRun(run, progress)}: detoxq delete ${run.id} --yes`,
          );
        }
        if (!options.yes && !(await isConfirmed(`Delete ${describeRun(run, progress)}? It cannot be undone.`))) {
          process.stderr.write('Nothing was deleted.\n');
          return 1;
        }
        await handle.delete();
        const { rowsDone, rowErrors } = progress;
        if (options.json) {
          process.stdout.write(`${JSON.stringify({ run: run.id, results: rowsDone - rowErrors, rowErrors })}\n`);
        } else process.stdout.write(`Run ${run.id} is deleted.\n`);
        return 0;
      });
    });
}
