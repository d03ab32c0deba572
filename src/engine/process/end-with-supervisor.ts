import { Worker } from 'node:worker_threads';

/**
 * Ends this engine process when its supervisor has gone, however that happened, and never on a signal of the terminal.
 * Its first argument is the process id of the supervisor, which may have gone before this is called.
 *
 * A hung or busy native call never lets the event loop see that the supervisor has gone; a thread does.
 * Killed by SIGKILL: onnxruntime aborts noisily when a process exits in the middle of a run.
 */
export function endWithSupervisor(): void {
  const supervisor = Number(process.argv[2] ?? process.ppid);
  const watch = `setInterval(() => { if (process.ppid !== ${supervisor}) process.kill(process.pid, 'SIGKILL'); }, 1000);`;
  new Worker(watch, { eval: true }).unref();
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole group; the supervisor decides when an engine ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}
