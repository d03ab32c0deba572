import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** Resolves with the match when standard error holds it; rejects when the command ends first. */
  stderrMatches(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Only these variables reach a command: the services of the test run must be asked for. */
export function cliEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  return { PATH, HOME, NODE_COMPILE_CACHE, ...extra };
}

/** Starts detoxq as a user would, from the root of the repository. A command that a failed test leaves is killed. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>>): CliProcess {
  const started = startProgram(MAIN, args, env);
  onTestFinished(() => {
    started.child.kill('SIGKILL');
  });
  return started;
}

/** Starts another program than detoxq; standard input is a pipe. */
export function startProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): CliProcess {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: ROOT,
    env: cliEnvironment(env),
    stdio: [program === MAIN ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  if (child.stdout === null || child.stderr === null) throw new Error('a child with pipes has streams');
  // A test may wait for many things that it says at once.
  child.setMaxListeners(0);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    child.emit('said');
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    child.emit('said');
    return { code, signal, stdout, stderr };
  });
  return {
    child,
    ended,
    async stderrMatches(pattern) {
      for (;;) {
        const match = pattern.exec(stderr);
        if (match !== null) return match;
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`${program} ${args.join(' ')} ended without saying ${pattern}: ${stderr}`);
        }
        await once(child, 'said');
      }
    },
  };
}

/** Runs detoxq to its end; also in hooks. */
export async function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliResult> {
  return startProgram(MAIN, args, env).ended;
}

/** Rows of `detoxq query`, as a user gets them with `--json`. */
export async function queryRows(
  sql: string,
  env: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, unknown>>[]> {
  const { stdout, stderr, code } = await runCli(['query', '--json', sql], env);
  expect(code, stderr).toBe(0);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
