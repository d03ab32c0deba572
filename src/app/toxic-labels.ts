import { UsageError } from '../contract/errors.ts';
import type { RunSettings } from '../contract/settings.ts';
import { toxicLabelOf } from '../engine/index.ts';
import type { OnEvent } from './events.ts';

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
  emit: OnEvent,
): Pick<RunSettings, 'toxicLabels'> {
  const ofScorer = frozen(scorer, asked, emit);
  const ofPrefilter = prefilter === null ? undefined : frozen(prefilter, ifPresent(prefilter, asked), emit);
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

function frozen({ name, folder }: Named, asked: string | undefined, emit: OnEvent): string | undefined {
  const label = toxicLabelOf(folder, asked);
  if (label.isGuess) emit({ type: 'toxic-label-guessed', checkpoint: name, label: label.name });
  return asked !== undefined || label.isGuess ? label.name : undefined;
}
