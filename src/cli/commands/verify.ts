import type { Command } from 'commander';
import { openRun } from '../../app/run-handle.ts';
import { formatCount } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { withContext } from '../with-context.ts';

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
        const verdict = await openRun(context, run.id).verify();
        if (options.json) {
          process.stdout.write(`${JSON.stringify({ run: run.id, ...verdict }, null, 2)}\n`);
        } else if (verdict.holds) {
          process.stdout.write(
            `Run ${run.id} is complete: ${formatCount(verdict.rowsTotal)} rows = ${formatCount(verdict.results)} results + ` +
              `${formatCount(verdict.rowErrors)} row errors, each row exactly once, every chunk done.\n`,
          );
        } else {
          const findings = verdict.findings.map(({ message, numbers, count, advice }, at) => {
            const more = count > numbers.length && numbers.length > 0 ? ', …' : '';
            const which = numbers.length === 0 ? '' : `: ${numbers.join(', ')}${more}`;
            // Findings that follow one another often have one cause.
            const same = verdict.findings[at + 1]?.advice === advice;
            return `  ${message}${which}${same ? '' : `\n    ${asCalled(advice)}`}`;
          });
          process.stdout.write(`Run ${run.id} is not complete:\n${findings.join('\n')}\n`);
        }
        return verdict.holds ? 0 : 1;
      });
    });
}
