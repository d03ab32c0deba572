import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GenerationOverrides } from '../../contract/generation.ts';
import { wholeNumber } from './whole-number.ts';

/** Generation options as commander gives them: a Hugging Face name in camel case. */
export type GivenOptions = Readonly<Record<string, unknown>>;

interface Definition {
  /** Under its Hugging Face name. */
  readonly name: string;
  /** Argument and description in the help. */
  readonly help: readonly [argument: string, text: string];
  readonly parse: (value: string) => GenerationOverrides[string];
}

const GROUP = 'Generation, under the names of Hugging Face (docs/generation.md):';

const DEFINITIONS: readonly Definition[] = [
  { name: 'max_new_tokens', help: ['<tokens>', 'longest output'], parse: wholeNumber(1) },
  { name: 'max_length', help: ['<tokens>', 'the same with start token or prompt'], parse: wholeNumber(1) },
  { name: 'min_new_tokens', help: ['<tokens>', 'shortest output'], parse: wholeNumber(0) },
  { name: 'min_length', help: ['<tokens>', 'the same with start token or prompt'], parse: wholeNumber(0) },
  { name: 'num_beams', help: ['<beams>', 'beam search; 1 is greedy search'], parse: wholeNumber(1, 64) },
  { name: 'length_penalty', help: ['<exponent>', 'beams: above 0 favours long outputs'], parse: number },
  { name: 'early_stopping', help: ['<when>', 'beams: true, false or never'], parse: earlyStopping },
  { name: 'no_repeat_ngram_size', help: ['<tokens>', 'no n-gram comes twice'], parse: wholeNumber(0) },
  {
    name: 'encoder_no_repeat_ngram_size',
    help: ['<tokens>', 'no n-gram of the source is copied'],
    parse: wholeNumber(0),
  },
  { name: 'repetition_penalty', help: ['<factor>', 'above 1 makes repetition unlikely'], parse: number },
  { name: 'temperature', help: ['<degree>', 'sampling: below 1 sharpens'], parse: number },
  { name: 'top_k', help: ['<tokens>', 'sampling: of the best tokens only; 0: of all'], parse: wholeNumber(0) },
  { name: 'top_p', help: ['<probability>', 'sampling: of the best tokens that have it together'], parse: number },
  { name: 'seed', help: ['<number>', 'sampling: another seed, other samples (default: 0)'], parse: wholeNumber(0) },
  { name: 'suppress_tokens', help: ['<ids>', 'never produced'], parse: tokens },
  { name: 'begin_suppress_tokens', help: ['<ids>', 'never produced first'], parse: tokens },
  { name: 'forced_bos_token_id', help: ['<id>', 'first token; none: free'], parse: token },
  { name: 'forced_eos_token_id', help: ['<ids>', 'last token at the limit; none: free'], parse: tokens },
  { name: 'eos_token_id', help: ['<ids>', 'each ends an output'], parse: tokens },
];

/** Only where someone looks at more than one output. */
const SEQUENCES: Definition = {
  name: 'num_return_sequences',
  help: ['<outputs>', 'outputs for a text, best first'],
  parse: wholeNumber(1, 64),
};

/** @param more `sequences`: also `--num-return-sequences`; `longest` and `prompt`: what the help says of their defaults */
export function addGenerationOptions(
  command: Command,
  more: { sequences: boolean; longest: string; prompt: string },
): Command {
  for (const { name, help, parse } of [...DEFINITIONS, ...(more.sequences ? [SEQUENCES] : [])]) {
    const [argument, text] = help;
    const shown = name === 'max_new_tokens' ? `${text} (default: ${more.longest})` : text;
    const option = new Option(`--${name.replaceAll('_', '-')} ${argument}`, shown).argParser(parse).helpGroup(GROUP);
    // "--no-repeat-ngram-size" is not the negation of "--repeat-ngram-size".
    option.negate = false;
    command.addOption(option);
  }
  return command
    .addOption(new Option('--do-sample', 'draw tokens instead of taking the best').helpGroup(GROUP))
    .addOption(new Option('--no-do-sample', "also where the checkpoint's own options say so").helpGroup(GROUP))
    .addOption(
      new Option('--prompt <template>', `puts {text} to the model in this (default: ${more.prompt})`).helpGroup(GROUP),
    )
    .addOption(new Option('--bad-words <file>', 'words that are never produced, one per line').helpGroup(GROUP));
}

/** The options that were given, under their Hugging Face names. Those of `--bad-words` are not among them. */
export function givenGeneration(options: GivenOptions): GenerationOverrides {
  const given: Record<string, GenerationOverrides[string]> = {};
  for (const { name } of [...DEFINITIONS, SEQUENCES]) {
    const value = options[camelCase(name)];
    if (value !== undefined) given[name] = value as GenerationOverrides[string];
  }
  if (typeof options.doSample === 'boolean') given.do_sample = options.doSample;
  return given;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function number(value: string): number {
  const parsed = Number(value);
  if (value.trim() === '' || !Number.isFinite(parsed)) throw new InvalidArgumentError('It must be a number.');
  return parsed;
}

function earlyStopping(value: string): boolean | 'never' {
  if (value === 'never') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new InvalidArgumentError('It must be true, false or never.');
}

function token(value: string): number | null {
  return value === 'none' ? null : wholeNumber(0)(value);
}

function tokens(value: string): number[] | null {
  return value === 'none' ? null : value.split(',').map((id) => wholeNumber(0)(id.trim()));
}
