import type { Role } from '../../contract/inspection.ts';
import type { Fields } from '../checkpoint/config/fields.ts';
import type { Architecture, ModelClass } from './architecture.ts';
import { BART } from './bart/index.ts';
import { BERT } from './bert/index.ts';
import type { Description } from './description.ts';
import { GPT2 } from './gpt2/index.ts';
import { ROBERTA } from './roberta/index.ts';
import { T5 } from './t5/index.ts';

/** Everything that the engine knows of architectures. The rest of the program asks here. */
export const ARCHITECTURES: readonly Architecture[] = [BART, T5, GPT2, BERT, ROBERTA];

const CLASSES: ReadonlyMap<string, ModelClass> = new Map(
  ARCHITECTURES.flatMap(({ classes }) => Object.entries(classes)),
);

/** A model class by its name in `architectures` of `config.json`; undefined for a class that the engine does not know. */
export function classOf(name: string): ModelClass | undefined {
  return CLASSES.get(name);
}

/** Names of all classes that can do something. */
export function classNames(ability: keyof ModelClass): string[] {
  return [...CLASSES].filter(([, known]) => known[ability] !== undefined).map(([name]) => name);
}

/** What a checkpoint of a class can serve as, once its weights are trained for it. */
export function rolesOf({ generator, classifier, encoder }: ModelClass): Role[] {
  return [
    ...(generator ? (['detoxifier'] as const) : []),
    ...(classifier ? (['scorer', 'fluency'] as const) : []),
    ...(encoder ? (['similarity'] as const) : []),
  ];
}

/**
 * Describes the modules of a class from its config.
 *
 * @throws CheckpointError for a class or a flag that is not known here, with what is
 */
export function describe(name: string, fields: Fields): Description {
  const read = classOf(name)?.modules;
  if (read !== undefined) return read(fields);
  const known = classNames('modules').join(', ');
  throw fields.error(`${name} is not a class whose modules are known here; known: ${known}`);
}
