import { readConfig } from '../config.ts';
import { DetoxqError } from '../contract/errors.ts';
import { fileFault, isSystemError, type SystemError } from '../contract/file-errors.ts';
import { messageWithAdvice } from './advice.ts';
import { asCalled } from './as-called.ts';
import { ReaderGone } from './terminal/standard-streams.ts';
import { visible } from './terminal/visible.ts';

/** Prints what went wrong, in one line, and returns the exit code. */
export function reportFailure(error: unknown, version: string): number {
  if (error instanceof ReaderGone) return error.exitCode;
  process.stderr.write(`detoxq: ${asCalled(visibleLines(failureText(error, version)))}\n`);
  if (!(error instanceof DetoxqError) && wantsStacks()) process.stderr.write(`${stackOf(error)}\n`);
  return error instanceof DetoxqError ? error.exitCode : 1;
}

/** A name in a file may be as long as the file. */
const LONGEST = 8_000;

/** A message may have several lines of its own; no more than that is obeyed. */
function visibleLines(message: string): string {
  const shown = message.length > LONGEST ? `${message.slice(0, LONGEST)}…` : message;
  return shown.split('\n').map(visible).join('\n');
}

/** What detoxq throws on purpose is said with the command that helps. Anything but that and the operating system's errors is a fault of the program. */
export function failureText(error: unknown, version: string): string {
  if (error instanceof DetoxqError) return messageWithAdvice(error);
  if (isSystemError(error)) return systemText(error);
  const name = error instanceof Error ? error.name : 'an error without a name';
  return (
    `a fault in the program, ${name}: ${withoutSecrets(error)} (detoxq ${version}, Node ${process.version}, ` +
    `${process.platform} ${process.arch}). Please report this line and the command; DETOXQ_LOG_LEVEL=debug adds where it happened.`
  );
}

function systemText(error: SystemError): string {
  const { code, syscall, path } = error;
  if (syscall === 'uv_cwd') return 'the working folder is not there any more: change to another one.';
  const what = path === undefined ? syscall : path;
  return `${what}: ${fileFault(error, path)} (${code}${path === undefined ? '' : ` in ${syscall}`})`;
}

/** A parser quotes what it could not read, which may be text of a row; an address may hold a password. */
function withoutSecrets(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = ''] = (error instanceof SyntaxError ? message.replace(/["'].*["']/s, '…') : message).split('\n');
  return first.replace(/:\/\/\S*@/g, '://…@');
}

/** Where it happened, without the messages. */
function stackOf(error: unknown): string {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  const cause = error instanceof Error ? error.cause : undefined;
  return [...lines, ...(cause instanceof Error ? [`  caused by ${cause.name}`, stackOf(cause)] : [])].join('\n');
}

function wantsStacks(): boolean {
  try {
    return ['debug', 'trace'].includes(readConfig().logLevel ?? '');
  } catch {
    return false;
  }
}
