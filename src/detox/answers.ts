import type { Memory } from './memory.ts';

/** Answers of a model to the texts of one call of the policy. Each text is asked once, with one call per phase. */
export interface Answers<T> {
  /** Asks the model about those `forms` that were not asked before, in one call. It rejects if the model does. */
  ask(forms: Iterable<string>): Promise<void>;
  /** Answer to a form that was asked. */
  of(form: string): T;
}

/** @param memory answers of earlier calls, which are reused: a model's answer depends on the text alone */
export function createAnswers<T>(
  model: (forms: readonly string[]) => Promise<readonly T[]>,
  memory?: Memory<T>,
): Answers<T> {
  const known = new Map<string, T>();
  const isKnown = (form: string): boolean => {
    if (known.has(form)) return true;
    const remembered = memory?.get(form);
    if (remembered !== undefined) known.set(form, remembered);
    return remembered !== undefined;
  };
  return {
    async ask(forms) {
      const missing = [...new Set(forms)].filter((form) => !isKnown(form));
      if (missing.length === 0) return;
      const answers = await model(missing);
      if (answers.length !== missing.length) {
        throw new RangeError(`the model gave ${answers.length} answers to ${missing.length} texts`);
      }
      missing.forEach((form, at) => {
        const answer = answers[at];
        if (answer === undefined) return;
        known.set(form, answer);
        memory?.set(form, answer);
      });
    },
    of(form) {
      const answer = known.get(form);
      if (answer === undefined) throw new RangeError('the model was not asked about this text');
      return answer;
    },
  };
}
