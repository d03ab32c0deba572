/** CPU time so far, in milliseconds: of processes from /proc (Linux), of Redis as it says itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** Clock ticks of /proc/PID/stat are hundredths of a second on every Linux. */
const TICK_MS = 10;

interface ProcessStat {
  readonly parent: number;
  readonly cpuMs: number;
}

/** Of a process on this machine; null when it has ended. */
function statOf(pid: number | string): ProcessStat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS };
  } catch {
    return null;
  }
}

export function parentOf(pid: number): number {
  return statOf(pid)?.parent ?? 0;
}

export function childrenCpuMs(parent: number): number {
  const stats = readdirSync('/proc').map((name) => (/^\d+$/.test(name) ? statOf(name) : null));
  return stats.reduce((sum, stat) => sum + (stat?.parent === parent ? stat.cpuMs : 0), 0);
}

export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Of a Redis without password and TLS, over a connection of its own. */
export function redisCpuMs(url: string): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port || 6379), hostname, () => socket.write('INFO cpu\r\nQUIT\r\n'));
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      answer += part;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const seconds = (field: string) => Number(new RegExp(`^${field}:(.+?)\\r$`, 'm').exec(answer)?.[1]);
      resolve((seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1000);
    });
  });
}
