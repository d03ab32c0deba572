import { z } from 'zod';
import { UnsupportedRunError } from './errors.ts';
import { parseSettings, type RunSettings } from './settings.ts';

/**
 * Raised by one whenever the same settings would give some row another result (a change of the policy, of a guard, of how
 * models are run). Every new run requires it, so that older workers do not compute its rows with older code. A worker knows
 * all numbers up to its own.
 */
const RESULTS = 2;
/** Runs of detoxq 0.1 require nothing. */
const FIRST_RESULTS = 2;

/** Which feature a setting needs; null where every version that checks features has it. A new setting needs a new feature. */
const FEATURE_OF_SETTING = {
  detoxifier: null,
  scorer: null,
  threshold: null,
  generation: null,
  similarity: null,
  toxicLabels: 'toxic-labels',
  prefilter: 'prefilter',
  staticScales: 'static-scales',
  prompt: 'prompt',
} as const satisfies Record<keyof RunSettings, string | null>;

const FEATURE_OF_PRECISION = {
  fp32: null,
  int8: null,
  fp16: 'fp16',
  'int8-static': 'int8-static',
} as const satisfies Record<RunSettings['scorer']['precision'], string | null>;

/** What this version can do to the rows of a run. */
export const KNOWN_FEATURES: readonly string[] = [
  ...Array.from({ length: RESULTS - FIRST_RESULTS + 1 }, (_, at) => `results-${FIRST_RESULTS + at}`),
  ...[...Object.values(FEATURE_OF_SETTING), ...Object.values(FEATURE_OF_PRECISION)].filter((name) => name !== null),
];

/** What a worker must know to work on a run with these settings. */
export function requiredFeatures(settings: RunSettings): string[] {
  const required = new Set([`results-${RESULTS}`]);
  const add = (feature: string | null): void => {
    if (feature !== null) required.add(feature);
  };
  for (const [setting, feature] of Object.entries(FEATURE_OF_SETTING)) {
    if (settings[setting as keyof RunSettings] !== undefined) add(feature);
  }
  for (const { precision } of [settings.scorer, settings.detoxifier, settings.prefilter?.scorer ?? settings.scorer])
    add(FEATURE_OF_PRECISION[precision]);
  return [...required];
}

export function missingFeatures(requires: readonly string[], known: readonly string[]): string[] {
  return requires.filter((feature) => !known.includes(feature));
}

/** A run as it is stored, perhaps by a newer version. */
interface StoredRun {
  readonly id: string;
  readonly requires: readonly string[];
  readonly settings: unknown;
}

/**
 * Settings to compute rows by. A command that only shows a run may take them as they are stored; a worker must not guess.
 * @param who as in "worker host/7 (detoxq 0.1.0)"
 * @throws UnsupportedRunError when the run requires what this version does not know, or has such a setting
 */
export function knownSettings(run: StoredRun, who: string, known: readonly string[] = KNOWN_FEATURES): RunSettings {
  const missing = missingFeatures(run.requires, known);
  if (missing.length > 0)
    throw new UnsupportedRunError(
      `run ${run.id} requires ${missing.join(', ')}, which ${who} does not know: upgrade it`,
    );
  const parsed = parseSettings(run.settings);
  if ('unknown' in parsed)
    throw new UnsupportedRunError(
      `run ${run.id} has a setting that ${who} does not know (${parsed.unknown}): upgrade it`,
    );
  return parsed.settings;
}

const shownModel = z.looseObject({ name: z.string(), digest: z.string(), precision: z.string() });
const shownFields = z.looseObject({
  detoxifier: shownModel,
  scorer: shownModel,
  threshold: z.number(),
  generation: z.record(z.string(), z.unknown()),
  prefilter: z.looseObject({ scorer: shownModel }).optional(),
  staticScales: z.looseObject({}).optional(),
});

/**
 * Settings to show. Those of a newer version are shown as far as this version knows their fields.
 * @throws UnsupportedRunError when they are not settings of a run
 */
export function shownSettings(run: Pick<StoredRun, 'id' | 'settings'>): RunSettings {
  const parsed = parseSettings(run.settings);
  if ('settings' in parsed) return parsed.settings;
  const shown = shownFields.safeParse(run.settings);
  if (!shown.success)
    throw new UnsupportedRunError(`run ${run.id} has settings that cannot be read (${parsed.unknown})`);
  // Of a newer version: what is shown has the right kinds, and all else is passed on as it is.
  return shown.data as RunSettings;
}
