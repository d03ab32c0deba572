import { type Config, readConfig } from '../config.ts';
import { sayFirstWord } from './first-word.ts';

const METHODS = ['debug', 'log', 'info', 'warn', 'error', 'trace'] as const;

/** Null where the environment has an error: the command that minds it reports it. */
function configOrNull(): Config | null {
  try {
    return readConfig();
  } catch {
    return null;
  }
}

const config = configOrNull();
quietLibraries(config?.logLevel);
sayFirstWord(process.argv.slice(2), config);
await import('./program.ts');

/**
 * Messages of libraries, and Node's warnings about them, are for developers: they appear at the log levels debug and trace
 * alone. What a user must know, detoxq says in its own words.
 */
function quietLibraries(logLevel: string | undefined): void {
  if (logLevel === 'debug' || logLevel === 'trace') return;
  process.removeAllListeners('warning');
  for (const method of METHODS) console[method] = () => {};
}
