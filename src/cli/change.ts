import type { Command } from 'commander';
import type { Run } from '../contract/run.ts';
import { readProgress } from '../store/progress.ts';
import { changeRun, getRun, type RunChange } from '../store/runs.ts';
import { withContext } from './context.ts';
import { formatCount } from './format.ts';

export function addPauseCommand(program: Command): void {
  add(program, 'pause', {
    description: 'stop working on a run until it is resumed',
    help: `
Workers take no more chunks of it and finish those they have; a producer that reads its source waits.
Go on with "detoxq resume RUN --detach", or with "detoxq resume RUN" on this machine.`,
    say: ({ id }) => `Run ${id} is paused. Go on with: detoxq resume ${id} --detach`,
  });
}

export function addCancelCommand(program: Command): void {
  add(program, 'cancel', {
    description: 'end a run for good; the rows that are done are kept',
    help: `
Workers take no more chunks of it and finish those they have; a producer that reads its source stops.
A cancelled run cannot be resumed; its results can be queried and exported, and "detoxq delete RUN" removes it.`,
    say: ({ id }, rowsDone) => `Run ${id} is cancelled; its ${formatCount(rowsDone)} rows that are done are kept.`,
  });
}

interface Wording {
  readonly description: string;
  readonly help: string;
  readonly say: (run: Run, rowsDone: number) => string;
}

function add(program: Command, verb: Extract<RunChange, 'pause' | 'cancel'>, wording: Wording): void {
  program
    .command(verb)
    .argument('<run>', 'run id, or latest')
    .description(wording.description)
    .option('--json', 'print the run as JSON')
    .addHelpText('after', `\nExample:\n  detoxq ${verb} latest\n${wording.help}`)
    .action(async (reference: string, { json }: { json?: boolean }) => {
      await withContext({}, async ({ database }) => {
        const found = await getRun(database, reference);
        const run = await changeRun(database, found.id, verb);
        const { rowsDone } = await readProgress(database, run.id);
        if (json) process.stdout.write(`${JSON.stringify({ run: run.id, state: run.state, rowsDone })}\n`);
        else process.stdout.write(`${wording.say(run, rowsDone)}\n`);
      });
    });
}
