import type { Command } from 'commander';
import { CheckpointError } from '../contract/errors.ts';
import type { Judges } from '../report/judges.ts';
export interface JudgeOptions {
  readonly judgeSta?: string;
  readonly judgeSim?: string;
  readonly judgeFl?: string;
}
export function addJudgeOptions(command: Command): Command {
  return command;
}
export async function openJudges(_options: JudgeOptions, _home: string): Promise<Judges & { close(): Promise<void> }> {
  throw new CheckpointError('stub');
}
