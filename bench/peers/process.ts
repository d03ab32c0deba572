/** An engine in a process of its own, pinned to cores, that answers lines of JSON: bench/peers/peer.py or ours.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { KEPT_MEMORY } from '../../src/config.ts';

/** Token ids of a generator, or logits of a classifier: one list a text. */
export type Outputs = readonly (readonly number[])[];
/** How a run is batched, by the names that the engine gives it. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What the process loads: `engine` and the options of that engine. */
  readonly load: Readonly<Record<string, unknown>>;
}

export interface Run {
  /** By the process's own clock, from texts to outputs. */
  readonly seconds: number;
  /** Of all its threads: nearly the same on a calm machine, and what is left to compare on another. */
  readonly cpuSeconds: number;
  readonly peakMb: number;
  readonly outputs: Outputs;
}

export interface EngineProcess {
  readonly versions: Readonly<Record<string, string>>;
  run(texts: readonly string[], settings: Settings): Promise<Run>;
  close(): Promise<void>;
}

/** @param cores as `taskset` names them: `0`, or `0,1` */
export async function startProcess(command: Command, cores: string): Promise<EngineProcess> {
  const child = spawn('taskset', ['-c', cores, command.command, ...command.args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      OMP_NUM_THREADS: String(cores.split(',').length),
      TOKENIZERS_PARALLELISM: 'false',
      ORT_DISABLE_TELEMETRY: '1',
      HF_HUB_OFFLINE: '1',
      // As our engine processes have it; the peers may as well.
      ...KEPT_MEMORY,
      ...command.environment,
    },
  });
  const closed = once(child, 'close');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function ask<Answer>(request: unknown): Promise<Answer> {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`${command.args.at(-1)} (${command.load.engine}) ended: see its output above`);
    return JSON.parse(value);
  }

  const { versions } = await ask<{ versions: Record<string, string> }>({ load: command.load });
  return {
    versions,
    run: (texts, settings) => ask<Run>({ run: { texts, settings } }),
    async close() {
      child.stdin.end();
      await closed;
    },
  };
}
