import { readFileSync } from 'node:fs';

/**
 * What a command needs at least. A worker has 29 files open, and one more for each further engine process; the embedded
 * Postgres refused to start with 64. With 16, Node itself ends by a signal.
 */
export const LEAST_OPEN_FILES = 128;

const HELP = new Set(['-h', '--help', 'help', '-V', '--version']);

/**
 * What is wrong with the limit of open files of this process; null when nothing is. Node has raised it to the hard limit.
 *
 * @param args of the command line: help is given in any case
 */
export function openFilesFault(args: readonly string[]): string | null {
  if (args.some((arg) => HELP.has(arg))) return null;
  const limit = readLimit();
  if (limit === null || limit >= LEAST_OPEN_FILES) return null;
  return (
    `this process may open ${limit} files, and needs ${LEAST_OPEN_FILES}: raise the limit (ulimit -n 1024; for a service ` +
    'LimitNOFILE= in systemd, ulimits: nofile in compose), and start it again.'
  );
}

/** Null without a limit, and where it cannot be read. */
function readLimit(): number | null {
  try {
    const [, soft = ''] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return /^\d+$/.test(soft) ? Number(soft) : null;
  } catch {
    return reportedLimit();
  }
}

function reportedLimit(): number | null {
  if (process.platform === 'win32' || process.report === undefined) return null;
  // Otherwise it looks up the names of all addresses.
  Reflect.set(process.report, 'excludeNetwork', true);
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('userLimits' in report)) return null;
  const limits: unknown = report.userLimits;
  if (typeof limits !== 'object' || limits === null || !('open_files' in limits)) return null;
  const open: unknown = limits.open_files;
  if (typeof open !== 'object' || open === null || !('soft' in open)) return null;
  return typeof open.soft === 'number' ? open.soft : null;
}
