import { type Logger, pino } from 'pino';

/**
 * Logs are JSON lines on stderr: stdout is for data. They hold run ids, chunk and row numbers, never the text of a row.
 */
export function createLog(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: true }));
}
