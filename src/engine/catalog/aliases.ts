import type { Role } from '../../contract/inspection.ts';
import { type HubName, parseHubName, presentId } from './pulled.ts';

/** A short name for a checkpoint of a hub. */
interface Alias {
  readonly name: string;
  readonly hub: string;
  readonly roles: readonly Role[];
  /** Template around the text of a row, with `{text}` for the text. Absent: the text alone. */
  readonly prompt?: string;
}

export const ALIASES: readonly Alias[] = [
  { name: 'bart-base-detox', hub: 's-nlp/bart-base-detox', roles: ['detoxifier'] },
  {
    name: 't5-paraphrase',
    hub: 's-nlp/t5-paraphrase-paws-msrp-opinosis-paranmt',
    roles: ['detoxifier'],
    prompt: 'paraphrase: {text}',
  },
  { name: 't5-paranmt-detox', hub: 's-nlp/t5-paranmt-detox', roles: ['detoxifier'] },
  // As published it continues a text. With a prompt template or after fine-tuning it rewrites.
  { name: 'gpt2', hub: 'openai-community/gpt2', roles: ['detoxifier'] },
  // As published it has no classifier head. It is a scorer after training.
  { name: 'bert-base-uncased', hub: 'google-bert/bert-base-uncased', roles: ['scorer', 'similarity'] },
  { name: 'roberta-toxicity', hub: 's-nlp/roberta_toxicity_classifier', roles: ['scorer'] },
  { name: 'minilm', hub: 'sentence-transformers/all-MiniLM-L6-v2', roles: ['similarity'] },
  { name: 'labse', hub: 'sentence-transformers/LaBSE', roles: ['similarity'] },
  // The judge of fluency of the ParaDetox evaluation: RoBERTa-large on CoLA (Krishna et al. 2020), converted from fairseq.
  { name: 'roberta-cola', hub: 'cointegrated/roberta-large-cola-krishna2020', roles: ['fluency'] },
];

/**
 * The five systems that detoxq supports by name, each with the bundled checkpoint of the same class that stands in for it.
 */
export const SYSTEMS = [
  { alias: 'bart-base-detox', standIn: 'nano-bart' },
  { alias: 't5-paraphrase', standIn: 'nano-t5' },
  { alias: 'gpt2', standIn: 'nano-gpt2' },
  { alias: 'bert-base-uncased', standIn: 'nano-bert' },
  { alias: 'roberta-toxicity', standIn: 'nano-roberta' },
] as const;

export function findAlias(name: string): Alias | undefined {
  return ALIASES.find((alias) => alias.name === name);
}

/** Resolves `alias`, `name` or `owner/name`, with or without `@revision`, to a name on a hub; null for any other text. */
export function hubNameOf(name: string): HubName | null {
  const parsed = parseHubName(name);
  const alias = parsed && findAlias(parsed.id);
  return parsed && { ...parsed, id: presentId(alias?.hub ?? parsed.id) };
}

/** Prompt template that a checkpoint is known to need, found by its alias or its name on a hub; else null. */
export function promptFor(name: string): string | null {
  const id = hubNameOf(name)?.id;
  return ALIASES.find(({ hub }) => hub === id)?.prompt ?? null;
}
