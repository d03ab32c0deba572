import { UsageError } from '../contract/errors.ts';
import type { RunSettings } from '../contract/settings.ts';
import { toxicLabelOf } from '../engine/index.ts';

/** A checkpoint that scores. */
interface Named {
  readonly name: string;
  readonly folder: string;
}

/**
 * The labels that mean toxic, for the settings of a run: those that were asked for or guessed, and nothing for a checkpoint with a
 * label that is called toxic. A guess is printed.
 *
 * @param asked label of the scorer; a prefilter that has it, too, goes by the same
 * @throws UsageError, CheckpointError where no label can be found
 */
export function toxicLabelsOf(
  scorer: Named,
  prefilter: Named | null,
  asked: string | undefined,
): Pick<RunSettings, 'toxicLabels'> {
  const ofScorer = frozen(scorer, asked);
  const ofPrefilter = prefilter === null ? undefined : frozen(prefilter, ifPresent(prefilter, asked));
  if (ofScorer === undefined && ofPrefilter === undefined) return {};
  const toxicLabels = {
    ...(ofScorer === undefined ? {} : { scorer: [ofScorer] }),
    ...(ofPrefilter === undefined ? {} : { prefilter: [ofPrefilter] }),
  };
  return { toxicLabels };
}

function ifPresent({ folder }: Named, asked: string | undefined): string | undefined {
  if (asked === undefined) return undefined;
  try {
    return toxicLabelOf(folder, asked).name;
  } catch (error) {
    if (error instanceof UsageError) return undefined; // It has labels of its own.
    throw error;
  }
}

function frozen({ name, folder }: Named, asked: string | undefined): string | undefined {
  const label = toxicLabelOf(folder, asked);
  if (label.isGuess) process.stderr.write(`${guessText(name, label.name)}\n`);
  return asked !== undefined || label.isGuess ? label.name : undefined;
}

/** What is said of a label that was guessed. */
export function guessText(checkpoint: string, label: string): string {
  return `The label ${JSON.stringify(label)} of ${checkpoint} is taken for toxic, which is a guess; --toxic-label NAME says which one is.`;
}
