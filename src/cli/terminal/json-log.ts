import { pino } from 'pino';
import type { Log } from '../../contract/log.ts';

/**
 * Logs are JSON lines on stderr: stdout is for data. They hold run ids, chunk and row numbers, never the text of a row.
 */
export function createLog(level: string): Log {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: true }));
}
