import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { UsageError } from '../contract/errors.ts';
import type { RunProgress } from '../contract/run.ts';
import { deleteRun } from '../store/delete.ts';
import { readProgress } from '../store/progress.ts';
import { getRun } from '../store/runs.ts';
import { withContext } from './context.ts';
import { formatCount } from './format.ts';

export function addDeleteCommand(program: Command): void {
  program
    .command('delete')
    .argument('<run>', 'run id, or latest')
    .description('remove a run with its results, row errors and ledger')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .option('--json', 'print what was removed as JSON')
    .addHelpText(
      'after',
      `
Example:
  detoxq delete r7k2m9qd --yes

Only a run that is done or cancelled can be deleted. It cannot be undone.`,
    )
    .action(async (reference: string, options: { yes?: boolean; json?: boolean }) => {
      process.exitCode = await withContext({}, async ({ database }) => {
        const run = await getRun(database, reference);
        const progress = await readProgress(database, run.id);
        if (!options.yes && !(await isConfirmed(progress))) {
          process.stderr.write('Nothing was deleted.\n');
          return 1;
        }
        await deleteRun(database, run.id);
        const { rowsDone, rowErrors } = progress;
        if (options.json) {
          process.stdout.write(`${JSON.stringify({ run: run.id, results: rowsDone - rowErrors, rowErrors })}\n`);
        } else process.stdout.write(`Run ${run.id} is deleted.\n`);
        return 0;
      });
    });
}

async function isConfirmed({ runId, state, rowsDone }: RunProgress): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError('there is no terminal to ask at: say --yes to delete');
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `Delete run ${runId} (${state}) with ${formatCount(rowsDone)} rows? It cannot be undone. Type yes: `,
    );
    return answer.trim().toLowerCase() === 'yes';
  } finally {
    terminal.close();
  }
}
