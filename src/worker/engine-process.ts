import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { engineEnvironment } from '../config.ts';
import type { EngineIdentities, EngineOptions, EngineTimings } from '../contract/engine.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import { isSystemError, NO_FILES_LEFT } from '../contract/file-errors.ts';
import type { SourceRow } from '../contract/row.ts';
import { ENGINE_ENTRY, type GroupVerdicts, type ToEngine, toGroupRows } from '../engine/index.ts';
import { isMessage } from './check-verdict.ts';

export interface EngineListener {
  /** It gets on with its work. */
  onAlive(): void;
  onVerdicts(groupId: number, verdicts: GroupVerdicts): void;
  onGroupDone(groupId: number, timings: EngineTimings, rssBytes: number, peakRssBytes: number): void;
  onGroupFailed(groupId: number, message: string): void;
  /** The process ended without being asked to; `reason` says how, for logs and row errors. */
  onDeath(reason: string): void;
}

export interface EngineProcess {
  readonly pid: number | undefined;
  /** Resolves when the models are loaded; rejects with a CheckpointError when they cannot be. */
  readonly ready: Promise<EngineIdentities>;
  submit(groupId: number, rows: readonly SourceRow[]): void;
  /** Ends the process at once; `onDeath` is not called. Resolves when it has gone. */
  stop(): Promise<void>;
  /** Ends the process at once as a fault; `onDeath` is called with this reason. */
  kill(reason: string): void;
}

/** Starts one engine process. It ends when this process does, however that happens. */
export function startEngineProcess(
  options: EngineOptions,
  listener: EngineListener,
  entry: URL = ENGINE_ENTRY,
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
  // Whoever waits for `ready` sees the error; no one waiting is not a crash of the worker.
  ready.catch(() => {});
  let refused = false;

  const exited = new Promise<void>((resolve) => {
    const onEnd = (reason: string): void => {
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
        listener.onAlive();
        break;
      case 'verdicts':
        listener.onVerdicts(message.groupId, message.verdicts);
        break;
      case 'group-done':
        listener.onGroupDone(message.groupId, message.timings, message.rssBytes, message.peakRssBytes);
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
  post({ type: 'start', options });

  function kill(reason: string): void {
    killedBecause ??= reason;
    child.kill('SIGKILL');
  }

  return {
    pid: child.pid,
    ready,
    submit: (groupId, rows) => post({ type: 'group', groupId, rows: toGroupRows(rows) }),
    async stop() {
      stopping = true;
      child.kill('SIGKILL');
      await exited;
    },
    kill,
  };
}
