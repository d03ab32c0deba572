import type { Inspection, Role, Use, UseAdvice } from '../../contract/inspection.ts';
import { classOf, rolesOf } from '../architectures/registry.ts';

type Known = Pick<Inspection, 'name' | 'architecture' | 'traits' | 'weights' | 'tokenizer'>;

/** OpenAI's own language models, by alias, hub id or pulled revision. They were not trained for a task. */
const PUBLISHED_GPT2 = /^(openai-community\/)?gpt2(-medium|-large|-xl)?(@|$)/;

const AS: Readonly<Record<Role, string>> = {
  detoxifier: 'a detoxifier',
  scorer: 'a scorer',
  similarity: 'a judge of similarity',
  fluency: 'a judge of fluency',
};

/**
 * Says what a user can do with a checkpoint here, or why not and what to do instead.
 *
 * @param refusal why the engine cannot run it in a role, in its own words; null if it can
 */
export function useOf(checkpoint: Known, refusal: (role: Role) => string | null): Use {
  const { architecture, traits, weights, tokenizer } = checkpoint;
  const name = /^[\w./@-]+$/.test(checkpoint.name) ? checkpoint.name : `'${checkpoint.name}'`;
  const nothing = (why: string, command: UseAdvice['command'] = null): Use => ({
    roles: [],
    advice: [{ text: `nothing${why}`, command }],
  });
  const known = classOf(architecture);
  if (architecture === '') return nothing(': its config names no class');
  if (known === undefined) return nothing(`: ${architecture} is not a class that detoxq knows`);
  const roles = rolesOf(known);
  if (weights === null) return nothing(' yet: its weights are not here', isAlias(name) ? 'pull' : null);
  const lacks = weights.check?.missing ?? [];
  const headless = lacks.some((tensor) => tensor.startsWith('classifier.'));
  // A headless checkpoint of the family has no pooler, or one that is not used.
  const broken = lacks.filter((tensor) => !/^classifier\.|(^|\.)pooler\./.test(tensor));
  if (weights.check !== null && weights.check.mismatched.length > 0)
    return nothing(': its weights do not fit its config');
  if (broken.length > 0) return nothing(`: its weights lack ${broken.length} tensors that its config calls for`);
  if (tokenizer.problem !== null) return nothing(`: ${tokenizer.problem}`);
  if (tokenizer.file === null) return nothing(' yet: the folder has no tokenizer');

  const refusals = new Map(roles.map((role) => [role, refusal(role)]));
  const can = headless ? [] : roles.filter((role) => refusals.get(role) === null);
  const untrained = architecture.endsWith('Model') ? '' : ' (it was not trained for that)';
  const advice: UseAdvice[] = can.map((role) => ({
    text: `${USES[role]}${role === 'similarity' ? untrained : ''}`,
    command: role,
  }));
  const note = (text: string): void => {
    advice.push({ text, command: null });
  };
  if (known.languageModel !== undefined && can.length > 0) {
    advice.push({ text: 'perplexity of texts', command: 'perplexity' });
  }
  const [first] = roles;
  if (headless) note(`not as a scorer: it has no trained classifier head. ${training('classify', name)}`);
  else if (can.length === 0 && first !== undefined) note(`not as ${AS[first]}: ${refusals.get(first)}`);
  if (traits?.family === 'encoder' && !roles.includes('scorer')) {
    note(`not as a scorer: ${architecture} has no classifier head. ${training('classify', name)}`);
  }
  if (PUBLISHED_GPT2.test(checkpoint.name) && can.includes('detoxifier')) {
    note(`as published it has never seen a detoxified sentence. ${training('detoxify', name)}`);
  }
  return { roles: can, advice };
}

const USES: Readonly<Record<Role, string>> = {
  detoxifier: 'detoxifier',
  scorer: 'scorer',
  similarity: 'similarity of two texts',
  fluency: 'judge of fluency',
};

function training(task: 'classify' | 'detoxify', name: string): string {
  return `Train it: python -m training.finetune --task ${task} --base ${name} --out FOLDER`;
}

/** Whether `models pull` would accept the name: an alias or a hub id. */
function isAlias(name: string): boolean {
  return /^[\w-][\w.-]*(\/[\w.-]+)?$/.test(name);
}
