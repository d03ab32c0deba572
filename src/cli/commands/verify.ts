import type { Command } from 'commander';
import { openRun } from '../../app/run-handle.ts';
import type { Remedy } from '../../store/verify.ts';
import { formatCount } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { withContext } from '../with-context.ts';

const ADVICE: Readonly<Record<Remedy, (run: string) => string>> = {
  resume: (run) => `to go on: detoxq resume ${run} --detach`,
  read_again: (run) => `to have these rows read again: detoxq resume ${run}`,
  wait: (run) => `what it waits for: detoxq status ${run}`,
  workers: () => 'workers settle them (detoxq worker)',
  chunks: () => 'they come with the chunks that are not done',
  new_run: () => 'a cancelled run stays as it is: begin a new run',
  none: () =>
    'no command mends that: rows were changed by hand, or a backup was restored in part; begin a new run, and delete this one',
};

export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .argument('<run>', 'run id, name, or latest')
    .description('check that every row of the source has exactly one result or row error, and every chunk is done')
    .option('--json', 'print the verdict as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  detoxq verify latest\n\nExit code 1, with row numbers, when it is not complete.',
    )
    .action(async (reference: string, options: { json?: boolean }) => {
      process.exitCode = await withContext({ reads: true }, async (context) => {
        const run = await openRun(context, reference).details();
        const found = await openRun(context, run.id).verify();
        const findings = found.findings.map((finding) => ({ ...finding, advice: ADVICE[finding.remedy](run.id) }));
        const verdict = { ...found, findings };
        if (options.json) {
          process.stdout.write(`${JSON.stringify({ run: run.id, ...verdict }, null, 2)}\n`);
        } else if (verdict.holds) {
          process.stdout.write(
            `Run ${run.id} is complete: ${formatCount(verdict.rowsTotal)} rows = ${formatCount(verdict.results)} results + ` +
              `${formatCount(verdict.rowErrors)} row errors, each row exactly once, every chunk done.\n`,
          );
        } else {
          const lines = findings.map(({ message, numbers, count, advice }, at) => {
            const more = count > numbers.length && numbers.length > 0 ? ', …' : '';
            const which = numbers.length === 0 ? '' : `: ${numbers.join(', ')}${more}`;
            // Findings that follow one another often have one cause.
            const same = findings[at + 1]?.advice === advice;
            return `  ${message}${which}${same ? '' : `\n    ${asCalled(advice)}`}`;
          });
          process.stdout.write(`Run ${run.id} is not complete:\n${lines.join('\n')}\n`);
        }
        return verdict.holds ? 0 : 1;
      });
    });
}
