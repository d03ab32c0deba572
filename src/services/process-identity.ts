import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { errorCode } from '../contract/errors.ts';

/**
 * A process, told apart from a later one with the same pid. Pids are used again, most of all in containers, which give out
 * the same small numbers at every start.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's form; only for comparison. */
  readonly startedAt: string;
}

/** Null when no such process runs. A zombie (ended, not yet reaped by its parent) does not run. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? linuxStart(pid) : posixStart(pid);
  return startedAt === null ? null : { pid, startedAt };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/** Signals a process if it is still the same one. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Boot and clock ticks since boot, as proc_pid_stat(5) has them. */
function linuxStart(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the program's name in parentheses and may hold anything: the rest begins after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === 'Z' || state === 'X') return null;
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
}

function posixStart(pid: number): string | null {
  const output = ps(pid, 'stat=,lstart=');
  return output === '' || output.startsWith('Z') ? null : output.replace(/^\S+\s+/, '');
}

/** Whether the process runs the program of this name, as far as the system tells. */
export function isProgram(pid: number, name: string): boolean {
  return ps(pid, 'comm=').endsWith(name);
}

function ps(pid: number, columns: string): string {
  try {
    return execFileSync('/bin/ps', ['-o', columns, '-p', String(pid)], {
      env: { LC_ALL: 'C', TZ: 'UTC' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
