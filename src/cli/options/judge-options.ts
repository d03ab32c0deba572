import { type Command, Option } from 'commander';
import { JUDGES } from '../../app/judges.ts';

/** Which checkpoints judge rewrites, of `evaluate`. */
export function addJudgeOptions(command: Command): Command {
  return command
    .option('--judge-sta <checkpoint>', 'classifier that finds toxic texts', JUDGES.judgeSta)
    .option(
      '--toxic-label <name>',
      'label of --judge-sta that means toxic (default: toxic, or the only one that is usual)',
    )
    .option('--judge-sim <checkpoint>', 'encoder of sentences', JUDGES.judgeSim)
    .option('--judge-fl <checkpoint>', 'classifier with a label acceptable', JUDGES.judgeFl)
    .addOption(new Option('--precision <precision>', 'of the judges').choices(['int8', 'fp32']).default('fp32'));
}
