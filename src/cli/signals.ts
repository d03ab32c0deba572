/**
 * Ctrl-C and SIGTERM. The first signal asks for a stop through the AbortSignal: no new work is taken, work under way is finished
 * within the drain deadline, and the rest is handed back. The second signal ends the process at once. It loses nothing,
 * because a chunk is written as a whole or not at all.
 */
export interface StopSignals {
  readonly signal: AbortSignal;
  dispose(): void;
}

export function listenForStop(announce: (text: string) => void, onSecond: () => void = () => {}): StopSignals {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      announce('Stopping at once.');
      onSecond();
      process.exit(name === 'SIGINT' ? 130 : 143);
    }
    announce('Stopping: finishing current work, then handing the rest back. Press again to stop at once.');
    controller.abort(name);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
