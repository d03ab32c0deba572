import type { Inspection, Role, Use } from '../../contract/inspection.ts';

type Known = Pick<Inspection, 'name' | 'architecture' | 'traits' | 'weights'>;

/** What each class can serve as, once its weights are trained for it. */
const ROLES: Readonly<Record<string, readonly Role[]>> = {
  BartForConditionalGeneration: ['detoxifier'],
  T5ForConditionalGeneration: ['detoxifier'],
  GPT2LMHeadModel: ['detoxifier', 'fluency'],
  BertForSequenceClassification: ['scorer'],
  RobertaForSequenceClassification: ['scorer'],
  BertForMaskedLM: [],
  RobertaForMaskedLM: [],
  BertModel: ['similarity'],
  RobertaModel: ['similarity'],
};

/**
 * What can be done with a checkpoint here, or why not and what to do.
 *
 * @param refusal why the engine cannot run it, in its own words; null where it can
 */
export function useOf(checkpoint: Known, refusal: string | null): Use {
  const { architecture, name, traits, weights } = checkpoint;
  const roles = ROLES[architecture];
  const quoted = /^[\w./@-]+$/.test(name) ? name : `'${name}'`;
  if (roles === undefined) {
    return {
      roles: [],
      advice: [
        `nothing: ${architecture === '' ? 'its config names no class' : `${architecture} is no class that detoxq knows`}`,
      ],
    };
  }
  if (weights === null) {
    return {
      roles: [],
      advice: [`nothing yet: its weights are not here${isPlainName(name) ? `; detoxq models pull ${quoted}` : ''}`],
    };
  }
  const { check } = weights;
  if (check !== null && check.mismatched.length > 0) {
    return { roles: [], advice: ['nothing: its weights do not fit its config'] };
  }
  const headless = check?.missing.some((tensor) => tensor.startsWith('classifier.')) ?? false;
  const broken = (check?.missing ?? []).filter((tensor) => !tensor.startsWith('classifier.'));
  if (broken.length > 0 && !broken.every((tensor) => tensor.includes('pooler.'))) {
    return { roles: [], advice: [`nothing: its weights lack ${broken.length} tensors that its config calls for`] };
  }
  const advice: string[] = [];
  const can = new Set<Role>();
  for (const role of roles) {
    if (role === 'scorer' && headless) {
      advice.push(`not as a scorer: it has no trained classifier head. ${trainingAdvice(quoted)}`);
    } else if (refusal !== null && role !== 'similarity') {
      advice.push(`not as a ${role}: ${refusal}`);
    } else {
      can.add(role);
      advice.push(adviceFor(role, quoted));
    }
  }
  if (traits?.family === 'encoder' && !roles.includes('scorer')) {
    advice.push(`not as a scorer: ${architecture} has no classifier head. ${trainingAdvice(quoted)}`);
  }
  return { roles: [...can], advice };
}

function adviceFor(role: Role, name: string): string {
  if (role === 'detoxifier') return `detoxifier: detoxq run FILE --detoxifier ${name}`;
  if (role === 'scorer') return `scorer: detoxq run FILE --scorer ${name}`;
  if (role === 'similarity')
    return `similarity of two texts by the mean of its token vectors: detoxq evaluate --judge-sim ${name}`;
  return `fluency by perplexity: detoxq evaluate --judge-fl ${name}`;
}

function trainingAdvice(name: string): string {
  return `Train one: python -m training.finetune --task classify --base ${name} --out FOLDER`;
}

/** An alias or hub id, which a pull would understand. */
function isPlainName(name: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)?$/.test(name);
}
