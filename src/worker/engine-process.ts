import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { engineEnvironment } from '../config.ts';
import type { EngineIdentities, EngineOptions, EngineTimings } from '../contract/engine.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import { isSystemError, NO_FILES_LEFT } from '../contract/file-errors.ts';
import type { SourceRow } from '../contract/row.ts';
import { ENGINE_ENTRY, type GroupVerdicts, type ToEngine, toGroupRows } from '../engine/index.ts';
import { isMessage } from './check-verdict.ts';

/*
 * One engine process, from its start to its end. It is told its options once, then groups of rows, and answers with messages.
 * It counts as hung when it was silent for too long while it had a group; one that gets on says so now and then.
 */

export interface EngineListener {
  onVerdicts(groupId: number, verdicts: GroupVerdicts): void;
  onGroupDone(groupId: number, spent: GroupSpent): void;
  /** A model threw on this group; the process goes on. */
  onGroupFailed(groupId: number, message: string): void;
  /** The process ended without being asked to. `reason` says how, for logs and row errors; `hung` when it was killed for silence. */
  onDeath(reason: string): void;
}

/** What a process took for a group, and its resident memory, now and at the highest so far. */
export interface GroupSpent {
  readonly timings: EngineTimings;
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

export interface EngineProcess {
  readonly pid: number | undefined;
  /** Resolves when the models are loaded; rejects with a CheckpointError when they cannot be. */
  readonly ready: Promise<EngineIdentities>;
  submit(groupId: number, rows: readonly SourceRow[]): void;
  /** Ends the process at once; `onDeath` is not called. Resolves when it has gone. */
  stop(): Promise<void>;
}

export interface EngineProcessOptions {
  readonly engine: EngineOptions;
  /** A process that is silent this long while it has a group is killed. */
  readonly hangAfterMs: number;
  /** Another module that speaks the protocol. Default: the real engine. */
  readonly entry?: URL | undefined;
}

/** Starts one engine process. It ends when this process does, however that happens. */
export function startEngineProcess(
  { engine, hangAfterMs, entry = ENGINE_ENTRY }: EngineProcessOptions,
  listener: EngineListener,
): EngineProcess {
  const child: ChildProcess = fork(fileURLToPath(entry), [String(process.pid)], {
    env: engineEnvironment(),
    serialization: 'advanced',
    // stdout of a command is for its data: an engine has nothing to say there.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });
  let stopping = false;
  let killedBecause: string | undefined;
  let settleReady: { resolve(identities: EngineIdentities): void; reject(error: Error): void };
  const ready = new Promise<EngineIdentities>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  // Callers that wait for `ready` see the error; without any, it must not crash the worker.
  ready.catch(() => {});
  let refused = false;
  /** Groups that it has been given and has not ended. */
  const groups = new Set<number>();
  const watchdog = createWatchdog(hangAfterMs, () => kill('hung'));
  const watch = (): void => {
    if (groups.size > 0) watchdog.restart();
    else watchdog.stop();
  };

  const exited = new Promise<void>((resolve) => {
    const onEnd = (reason: string): void => {
      watchdog.stop();
      settleReady.reject(new DetoxqError(`An engine process ended before it was ready: ${reason}.`));
      resolve();
      if (!stopping && !refused) listener.onDeath(killedBecause ?? reason);
    };
    child.once('exit', (code, signal) => onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
    child.once('error', (error) => {
      if (child.pid === undefined)
        onEnd(isSystemError(error) ? (NO_FILES_LEFT[error.code] ?? error.message) : error.message);
    });
  });

  child.on('message', (message: unknown) => {
    if (!isMessage(message)) {
      kill('it answered something that is no answer');
      return;
    }
    if (message.type === 'group-done' || message.type === 'group-failed') groups.delete(message.groupId);
    if (message.type !== 'ready' && message.type !== 'refused' && !stopping) watch();
    switch (message.type) {
      case 'ready':
        settleReady.resolve({
          scorer: message.scorer,
          detoxifier: message.detoxifier,
          prefilter: message.prefilter,
        });
        break;
      case 'refused':
        refused = true;
        settleReady.reject(new CheckpointError(message.message, message.details));
        break;
      case 'alive':
        break;
      case 'verdicts':
        listener.onVerdicts(message.groupId, message.verdicts);
        break;
      case 'group-done':
        listener.onGroupDone(message.groupId, message);
        break;
      case 'group-failed':
        listener.onGroupFailed(message.groupId, message.message);
        break;
    }
  });

  const post = (message: ToEngine): void => {
    // A process that died takes its groups with it; `onDeath` gives them to another.
    if (child.connected) child.send(message, () => {});
  };
  post({ type: 'start', options: engine });

  function kill(reason: string): void {
    killedBecause ??= reason;
    child.kill('SIGKILL');
  }

  return {
    pid: child.pid,
    ready,
    submit(groupId, rows) {
      groups.add(groupId);
      post({ type: 'group', groupId, rows: toGroupRows(rows) });
      watch();
    },
    async stop() {
      stopping = true;
      watchdog.stop();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Calls `onSilence` once, when it was not restarted for `silentMs`. */
function createWatchdog(silentMs: number, onSilence: () => void): { restart(): void; stop(): void } {
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
