import { readConfig } from '../config.ts';

const VERBS =
  'run|enqueue|worker|status|pause|resume|cancel|retry|delete|verify|export|evaluate|query|migrate|services|models';
const COMMAND = new RegExp(`(?<!npx )\\bdetoxq (?=(?:${VERBS})\\b)`, 'g');

/** A message whose commands can be copied: after npx, there may be no `detoxq` on PATH. */
export function asCalled(message: string): string {
  return message.replace(COMMAND, `${calledAs()} `);
}

function calledAs(): string {
  try {
    return readConfig().command;
  } catch {
    // An error about the environment is just being printed.
    return 'detoxq';
  }
}
