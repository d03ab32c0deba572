import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type GenerationOverrides, generationOverrides } from './generation.ts';

/** See `ActivationScales`. */
const activationScales = z.record(z.string(), z.number().positive());

const modelIdentity = z.strictObject({
  name: z.string().min(1),
  architecture: z.string().min(1),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  precision: z.enum(['fp32', 'fp16', 'int8', 'int8-static']),
});

const labels = z.array(z.string()).length(1);

/** Everything that decides what a row's result is. Frozen when a run is created; a run is never resumed under others. */
export const runSettings = z.strictObject({
  detoxifier: modelIdentity,
  scorer: modelIdentity,
  /**
   * Labels that mean toxic, as the checkpoints spell them; one each, for now. Absent for a checkpoint with a label that is called
   * toxic: the first runs had nothing else.
   */
  toxicLabels: z.strictObject({ scorer: labels.optional(), prefilter: labels.optional() }).optional(),
  /** A small scorer that clears what is surely clean, and the sample of the run that it was calibrated on. */
  prefilter: z
    .strictObject({
      scorer: modelIdentity,
      /** Rows below this probability, by the prefilter, are clean; the scorer does not see them. */
      clearBelow: z.number().min(0).max(1),
      /** The requested limit: share of all rows that may be cleared although the scorer would call them toxic. */
      maxMiss: z.number().min(0).max(1),
      /** That share of the run's rows, with 95 % confidence, is at most this. */
      missBound: z.number().min(0).max(1),
      sampledRows: z.number().int().min(0),
      /** Of the sample; runs of detoxq 0.1 that scored all of it have it. */
      toxicRows: z.number().int().min(0).optional(),
      clearedRows: z.number().int().min(0),
      missedRows: z.number().int().min(0),
    })
    .optional(),
  /** For models in int8-static: their scales, measured on rows of the run, and how much other rows changed against int8. */
  staticScales: z
    .strictObject({
      scales: z.strictObject({
        scorer: activationScales,
        detoxifier: activationScales,
        prefilter: activationScales.optional(),
      }),
      /** The requested limit: share of labels and of words of rewrites that may change. */
      maxMoved: z.number().min(0).max(1),
      measuredRows: z.number().int().min(0),
      checkedRows: z.number().int().min(0),
      /** Of the checked rows, how many are toxic in one form and not in the other. */
      movedLabels: z.number().int().min(0),
      /** That share of the run's rows, with 95 % confidence, is at most this. */
      labelBound: z.number().min(0).max(1),
      /** Checked rows that are toxic in both forms and were rewritten, and the words of their rewrites. */
      rewrittenRows: z.number().int().min(0),
      words: z.number().int().min(0),
      movedWords: z.number().int().min(0),
    })
    .optional(),
  /** Toxic from here on (probability, 0 to 1). */
  threshold: z.number().min(0).max(1),
  /** Options that override the detoxifier's own. Read them by `generationOf`. */
  generation: generationOverrides,
  /** Template in which texts are put to the detoxifier, with `{text}` in it; absent: the text alone. */
  prompt: z.string().optional(),
  /** Metric of the column `similarity`. */
  similarity: z.literal('chrf'),
});
export type RunSettings = z.infer<typeof runSettings>;

/** Longest name of a setting in a message. */
const SETTING_SHOWN = 80;

/** Reads stored settings, perhaps of a newer version. It is strict, since a setting that is not understood would change rows. */
export function parseSettings(stored: unknown): { readonly settings: RunSettings } | { readonly unknown: string } {
  const parsed = runSettings.safeParse(stored);
  if (parsed.success) return { settings: parsed.data };
  const [issue] = parsed.error.issues;
  if (issue === undefined) return { unknown: 'settings' };
  const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
  const name = [...issue.path.map(String), ...keys.slice(0, 1)].join('.').slice(0, SETTING_SHOWN);
  return { unknown: keys.length > 0 ? name : `${name}: a value of another kind` };
}

/** Generation options of a run. The first runs knew one, under a name of its own. */
export function generationOf({ generation }: Pick<RunSettings, 'generation'>): GenerationOverrides {
  const { maxNewTokens, ...overrides } = generation;
  return maxNewTokens === undefined ? overrides : { ...overrides, max_new_tokens: maxNewTokens };
}

/** sha256 (hex) of the settings as JSON with sorted keys: equal settings have equal hashes. */
export function settingsHash(settings: RunSettings): string {
  return createHash('sha256').update(canonicalJson(settings)).digest('hex');
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}
