import type { Command } from 'commander';
import { openRun } from '../../app/run-handle.ts';
import type { Run, RunProgress } from '../../contract/run.ts';
import { formatCount } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { withContext } from '../with-context.ts';
import { canAsk, describeRun, isConfirmed, isLatest } from './chosen-run.ts';

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
Workers take no more chunks of it and finish those they have; a producer that reads its source stops. What waits in
the queue is removed; the rows that are not done stay in the ledger until "detoxq delete RUN".
A cancelled run cannot be resumed; its results can be queried and exported, and "detoxq delete RUN" removes it.
It asks on a terminal, unless --yes is given.`,
    endsRun: true,
    say: ({ id }, rowsDone) => `Run ${id} is cancelled; its ${formatCount(rowsDone)} rows that are done are kept.`,
  });
}

interface Wording {
  readonly description: string;
  readonly help: string;
  /** It cannot be undone. */
  readonly endsRun?: boolean;
  readonly say: (run: Run, rowsDone: number) => string;
}

function add(program: Command, verb: 'pause' | 'cancel', wording: Wording): void {
  const command = program
    .command(verb)
    .argument('<run>', 'run id, name, or latest')
    .description(wording.description)
    .option('--json', 'print the run as JSON')
    .addHelpText('after', `\nExample:\n  detoxq ${verb} latest\n${wording.help}`);
  if (wording.endsRun) command.option('--yes', 'do not ask');
  command.action(async (reference: string, { json, yes }: { json?: boolean; yes?: boolean }) => {
    process.exitCode = await withContext({}, async (context) => {
      const found = await openRun(context, reference).details();
      const handle = openRun(context, found.id);
      if (wording.endsRun && !(await isMeant(found, await handle.progress(), reference, yes))) {
        process.stderr.write(`Run ${found.id} goes on.\n`);
        return 1;
      }
      const run = await handle[verb]();
      const { rowsDone } = await handle.progress();
      if (json) process.stdout.write(`${JSON.stringify({ run: run.id, state: run.state, rowsDone })}\n`);
      else process.stdout.write(`${asCalled(wording.say(run, rowsDone))}\n`);
      return 0;
    });
  });
}

/** Says which run `latest` is before it ends, and asks where there is a terminal. */
async function isMeant(run: Run, progress: RunProgress, reference: string, yes = false): Promise<boolean> {
  if (!yes && canAsk()) return isConfirmed(`Cancel ${describeRun(run, progress)}? It cannot be resumed after that.`);
  if (isLatest(reference)) process.stderr.write(`latest is ${describeRun(run, progress)}\n`);
  return true;
}
