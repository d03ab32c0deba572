import type { Command } from 'commander';
import { reopenDataset } from '../producer/source.ts';
import { exportFormat } from '../report/export.ts';
import { changeRun, getRun } from '../store/runs.ts';
import { withContext } from './context.ts';
import { engineProcesses, requireSameModels } from './engines.ts';
import { finishJob } from './finish.ts';
import { doJob } from './job.ts';
import { addProcessesOption } from './options.ts';

interface Options {
  readonly out?: string;
  readonly processes?: number;
  readonly json?: boolean;
}

export function addResumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .argument('<run>', 'run id, or latest')
    .description('go on with a run that was interrupted, on this machine, under the settings it was begun with');
  addProcessesOption(command)
    .option('--out <file>', 'export when done; the ending gives the format: .jsonl, .csv, .tsv')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Example:
  detoxq resume latest

Rows that are done are not done again. A source that was not read to its end is read on from where the ledger ends;
if its files have changed since, or the models are not the same, the run is refused.`,
    )
    .action(async (reference: string, options: Options) => {
      if (options.out !== undefined) exportFormat(options.out);
      const processes = engineProcesses(options.processes);
      process.exitCode = await withContext({ connections: 8 }, async (context) => {
        const { database } = context;
        const found = await getRun(database, reference);
        if (found.state === 'done') {
          process.stderr.write(`Run ${found.id} is done already.\n`);
          return finishJob(context, found, options);
        }
        await requireSameModels(context, found.settings);
        const dataset = found.rowsTotal === null ? await reopenDataset(found.source) : null;
        const begin = async () => (found.state === 'paused' ? changeRun(database, found.id, 'resume') : found);
        const { settings } = found;
        const { run, ended, exitCode } = await doJob(context, { settings, begin, dataset, processes });
        return ended ? finishJob(context, run, options) : exitCode;
      });
    });
}
