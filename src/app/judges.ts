import { join } from 'node:path';
import { packageRoot } from '../config.ts';
import { CheckpointError } from '../contract/errors.ts';
import type { Precision } from '../contract/models.ts';
import {
  bundledNames,
  type CheckpointReference,
  findCheckpoint,
  loadClassifier,
  loadEncoder,
  loadScorer,
  toxicLabelOf,
} from '../engine/index.ts';
import type { JudgeForm, Judges } from '../report/index.ts';
import type { OnEvent } from './events.ts';

/** Bundled judges. None is the default scorer: that one has chosen what they judge. */
export const JUDGES = { judgeSta: 'nano-bert', judgeSim: 'nano-sim', judgeFl: 'nano-fluency' } as const;

type JudgeNames = Pick<JudgeOptions, keyof typeof JUDGES>;

export interface JudgeOptions {
  readonly judgeSta: string;
  /** Label of `judgeSta` that means toxic. */
  readonly toxicLabel?: string;
  readonly judgeSim: string;
  readonly judgeFl: string;
  readonly precision: Precision;
}

export interface OpenJudges extends Judges {
  close(): Promise<void>;
}

/** @throws UsageError when a judge is not on this machine: call it before any work */
export function requireJudges({ judgeSta, judgeSim, judgeFl }: JudgeNames, home: string): void {
  for (const name of [judgeSta, judgeSim, judgeFl]) findCheckpoint(name, packageRoot, home);
}

/**
 * Loads the judges into this process. No queue runs in it that they could block.
 *
 * @param home folder of `DETOXQ_HOME`
 * @throws UsageError, CheckpointError when one is not there or cannot judge
 */
export async function openJudges(options: JudgeOptions, home: string, emit: OnEvent): Promise<OpenJudges> {
  const referenceOf = (name: string): CheckpointReference => ({
    ...findCheckpoint(name, packageRoot, home),
    precision: options.precision,
    cacheFolder: join(home, 'compiled'),
  });
  const references = {
    sta: referenceOf(options.judgeSta),
    sim: referenceOf(options.judgeSim),
    fl: referenceOf(options.judgeFl),
  };
  const toxic = toxicLabelOf(references.sta.folder, options.toxicLabel);
  if (toxic.isGuess) emit({ type: 'toxic-label-guessed', checkpoint: options.judgeSta, label: toxic.name });
  const scorer = await loadScorer({ ...references.sta, toxicLabels: [toxic.name] });
  const encoder = await loadEncoder(references.sim);
  const classifier = await loadClassifier(references.fl);
  const acceptable = acceptableLabel(options.judgeFl, classifier.labels);
  return {
    sta: {
      ...scorer,
      form: 'model',
      judge: async (texts) => (await scorer.score(texts)).map(({ toxicity }) => 1 - toxicity),
    },
    sim: { ...encoder, form: 'model' },
    fl: {
      ...classifier,
      form: formOfFluency(options.judgeFl),
      judge: async (texts) =>
        (await classifier.classify(texts)).map(({ probabilities }) => probabilities[acceptable] ?? Number.NaN),
    },
    async close() {
      await Promise.all([scorer.close(), encoder.close(), classifier.close()]);
    },
  };
}

/** Bundled judges were trained on the model form; classifiers of others on English with its punctuation in place. */
function formOfFluency(name: string): JudgeForm {
  return bundledNames(packageRoot).includes(name) ? 'model' : 'joined';
}

/** Its labels have no names, and the order is not that of CoLA: acceptable is the first (s-nlp/detox, metric.py). */
const FIRST_IS_ACCEPTABLE = /^(?:roberta-cola|cointegrated\/roberta-large-cola-krishna2020)(?:@|$)/;

function acceptableLabel(name: string, labels: readonly string[]): number {
  const named = labels.findIndex((label) => label.toLowerCase() === 'acceptable');
  if (named >= 0) return named;
  if (FIRST_IS_ACCEPTABLE.test(name) && labels.length === 2) return 0;
  throw new CheckpointError(
    `${name} cannot judge fluency: none of its labels (${labels.join(', ')}) is called acceptable. ` +
      'If one of them means that, name it in id2label of its config.json.',
  );
}
