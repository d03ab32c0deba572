import { relative } from 'node:path';
import type { Config } from '../config.ts';
import { terminal } from './terminal/terminal.ts';

/** Commands that open Postgres, perhaps the embedded one. */
const WITH_SERVICES = new Set([
  ...['run', 'enqueue', 'worker', 'status', 'pause', 'resume', 'cancel', 'retry', 'delete', 'verify', 'export'],
  ...['query', 'migrate'],
]);
const HELP = new Set(['-h', '--help', 'help', '-V', '--version']);

/**
 * Shows on a terminal what a command does first, before the rest of the program is loaded, which takes a while.
 *
 * @param args of the command line, still unchecked
 * @param config null where the environment has something wrong, which the verb itself says
 */
export function sayFirstWord(args: readonly string[], config: Config | null): void {
  if (!terminal.isTerminal || args.some((arg) => HELP.has(arg))) return;
  const text = firstWord(args, config);
  if (text !== null) terminal.step(text);
}

/** Null for a command that starts at once. */
export function firstWord([verb = '', noun = '']: readonly string[], config: Config | null): string | null {
  if (config === null) return null;
  if (WITH_SERVICES.has(verb)) return servicesStep(config);
  if (verb === 'evaluate') return 'Loading the judges …';
  if (verb === 'services' && noun === 'start') return servicesStep({ home: config.home, databaseUrl: undefined });
  if (verb === 'services' && noun === 'stop') return 'Stopping the embedded services …';
  if (verb !== 'models') return null;
  const words: Readonly<Record<string, string>> = {
    compile: 'Compiling',
    pull: 'Asking the hub for',
    inspect: 'Reading',
    score: 'Loading',
    generate: 'Loading',
    compare: 'Reading',
  };
  const word = words[noun];
  return word === undefined ? null : `${word} ${noun === 'pull' ? 'the checkpoint' : 'checkpoints'} …`;
}

/** What is shown while services are opened; never a password. */
export function servicesStep({ home, databaseUrl }: Pick<Config, 'home' | 'databaseUrl'>): string {
  return databaseUrl === undefined
    ? `Starting Postgres and Redis in ${shortPath(home)} …`
    : 'Connecting to Postgres and Redis …';
}

function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}
