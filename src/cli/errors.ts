import { DetoxqError } from '../contract/errors.ts';

/** Prints what went wrong and returns the exit code. What detoxq throws on purpose needs no stack. */
export function reportFailure(error: unknown): number {
  if (error instanceof DetoxqError) {
    process.stderr.write(`detoxq: ${error.message}\n`);
    return error.exitCode;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`detoxq: this should not happen; please report it with what follows.\n${detail}\n`);
  return 1;
}
