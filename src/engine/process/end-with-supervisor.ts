import { Worker } from 'node:worker_threads';

/**
 * Ends this engine process when its supervisor is gone, for whatever reason, but never on a signal of the terminal. The first
 * argument of the process is the supervisor's process id; the supervisor may be gone before this call.
 *
 * A thread watches for that, because the event loop cannot while a native call is busy or hangs. It uses SIGKILL, because
 * onnxruntime aborts with noise when a process exits in the middle of a call.
 */
export function endWithSupervisor(): void {
  const supervisor = Number(process.argv[2] ?? process.ppid);
  const watch = `setInterval(() => { if (process.ppid !== ${supervisor}) process.kill(process.pid, 'SIGKILL'); }, 1000);`;
  new Worker(watch, { eval: true }).unref();
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C in a terminal reaches the whole process group. The supervisor decides when an engine process ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}
