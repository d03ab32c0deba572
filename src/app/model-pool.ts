import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { engineEnvironment } from '../config.ts';
import { CheckpointError, DetoxqError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import type { ModelIdentity } from '../contract/models.ts';
import { type FromModel, MODEL_ENTRY, type ModelOptions, type ToModel } from '../engine/index.ts';

/** Texts in one call of a process: enough for full batches, and few enough that processes share a list evenly. */
const TEXTS_PER_CALL = 64;
/** A process that dies twice with the same texts is taken to die of them. */
const TRIES = 2;

export interface ModelPool<Result> {
  readonly identity: ModelIdentity;
  /** Longest input in tokens, special tokens included. */
  readonly maxInputTokens: number;
  /** One result per text, in order. @throws DetoxqError when a process dies of the texts, or the pool is closed */
  call(texts: readonly string[]): Promise<Result[]>;
  /** Ends the processes; calls under way are rejected. */
  close(): Promise<void>;
}

interface Call {
  readonly texts: readonly string[];
  tries: number;
  resolve(results: readonly unknown[]): void;
  reject(error: Error): void;
}

interface Member {
  readonly child: ChildProcess;
  readonly ready: Promise<Facts>;
  readonly exited: Promise<void>;
  call: Call | null;
}

type Facts = Pick<ModelPool<unknown>, 'identity' | 'maxInputTokens'>;

/**
 * One model in several processes. Each works on one call at a time; a process that dies is replaced, and its call is tried
 * once more.
 *
 * @throws CheckpointError when the model cannot be loaded
 */
export async function openModelPool<Result>(
  options: ModelOptions,
  processes: number,
  log: Log,
): Promise<ModelPool<Result>> {
  const waiting: Call[] = [];
  const members = new Set<Member>();
  let closed = false;

  const feed = (): void => {
    for (const member of members) {
      if (member.call !== null) continue;
      const call = waiting.shift();
      if (call === undefined) return;
      member.call = call;
      post(member.child, { type: 'call', texts: call.texts });
    }
  };
  const settle = (member: Member, act: (call: Call) => void): void => {
    const { call } = member;
    member.call = null;
    if (call !== null) act(call);
    feed();
  };

  const start = (): Member => {
    const child = fork(fileURLToPath(MODEL_ENTRY), [String(process.pid)], {
      env: engineEnvironment(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    let member: Member | undefined;
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    const ready = new Promise<Facts>((resolve, reject) => {
      child.on('message', (message: FromModel) => {
        if (message.type === 'ready') resolve({ identity: message.identity, maxInputTokens: message.maxInputTokens });
        else if (message.type === 'refused') reject(new CheckpointError(message.message));
        else if (member !== undefined) {
          settle(member, (call) => {
            if (message.type === 'answer') call.resolve(message.results);
            else call.reject(new DetoxqError(`The model failed: ${message.message}`));
          });
        }
      });
      const end = (error: DetoxqError, reason: string): void => {
        reject(error);
        if (member !== undefined && members.has(member)) onDeath(member, reason);
      };
      child.once('exit', (code, signal) => {
        const reason = signal === null ? `exit code ${code}` : `signal ${signal}`;
        end(new DetoxqError(`An engine process ended before it was ready: ${reason}.`), reason);
      });
      // A process that cannot be started has no exit.
      child.once('error', ({ message }) => {
        end(new DetoxqError(`An engine process cannot be started: ${message}`), message);
      });
    });
    ready.catch(() => {});
    post(child, { type: 'start', options });
    member = { child, ready, exited, call: null };
    members.add(member);
    return member;
  };

  const onDeath = (member: Member, reason: string): void => {
    members.delete(member);
    const { call } = member;
    if (closed) return;
    log.warn({ pid: member.child.pid, reason, texts: call?.texts.length ?? 0 }, 'engine process died');
    if (call !== null && call.tries < TRIES) {
      call.tries += 1;
      waiting.unshift(call);
    } else call?.reject(new DetoxqError(`An engine process ended twice with the same texts (${reason}).`));
    // One that never was ready would end again.
    member.ready.then(
      () => {
        if (closed) return;
        start();
        feed();
      },
      (error: Error) => {
        if (closed) return;
        if (members.size > 0) feed();
        else for (const other of waiting.splice(0)) other.reject(error);
      },
    );
  };

  const first = start();
  const facts = await first.ready.catch(async (error: unknown) => {
    closed = true;
    first.child.kill('SIGKILL');
    await first.exited;
    throw error;
  });
  // The first one compiled the model where that was needed; the others find it compiled.
  for (let count = 1; count < processes; count += 1) start();

  const closing = new DetoxqError('the model is closed');
  return {
    ...facts,
    async call(texts) {
      if (closed) throw closing;
      // The last one could not be replaced, for want of memory perhaps: it may be possible now.
      if (members.size === 0) start();
      const parts: Promise<readonly unknown[]>[] = [];
      for (let at = 0; at < texts.length; at += TEXTS_PER_CALL) {
        const part = texts.slice(at, at + TEXTS_PER_CALL);
        parts.push(new Promise((resolve, reject) => waiting.push({ texts: part, tries: 1, resolve, reject })));
      }
      feed();
      return (await Promise.all(parts)).flat() as Result[];
    },
    async close() {
      closed = true;
      const all = [...members];
      for (const { child, call } of all) {
        call?.reject(closing);
        child.kill('SIGKILL');
      }
      for (const call of waiting.splice(0)) call.reject(closing);
      await Promise.all(all.map(({ exited }) => exited));
    },
  };
}

function post(child: ChildProcess, message: ToModel): void {
  // A process that died is replaced when its exit is known.
  if (child.connected) child.send(message, () => {});
}
