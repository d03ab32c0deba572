export interface Watchdog {
  /** Something was heard, or is now waited for: the time begins anew. */
  restart(): void;
  stop(): void;
}

/** Calls `onSilence` once nothing was heard for `silentMs`. */
export function createWatchdog(silentMs: number, onSilence: () => void): Watchdog {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    restart() {
      stop();
      const started = setTimeout(() => {
        // After a stop of this process (SIGSTOP, a blocked loop), answers may be waiting to be read: they come first.
        setImmediate(() => {
          if (timer === started) onSilence();
        });
      }, silentMs);
      started.unref();
      timer = started;
    },
    stop,
  };
}
