import { type Config, readConfig } from '../config.ts';
import { sayFirstWord } from './first-word.ts';
import { quietLibraries } from './quiet-libraries.ts';

/** What is wrong with the environment is said by the verb that minds. */
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
