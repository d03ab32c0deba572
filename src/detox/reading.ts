import type { Score, Scorer } from '../contract/models.ts';
import { joinForms, lex } from './model-form.ts';
import { type Segment, splitSegments } from './sentences.ts';

/** A text as the models will see it. */
export interface Reading {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** What the scorer is asked about: the segments, and the whole text where it fits the scorer's window. No form twice. */
  readonly forms: readonly string[];
}

/** No tokenizer makes more tokens than bytes, plus the special ones. */
const SPECIAL_TOKENS = 4;
/** A form of more bytes than this for each place of the window is not worth counting: no vocabulary has such words. */
const MOST_BYTES_PER_TOKEN = 64;

export type ReadText = (text: string) => Reading;

type Windowed = Pick<Scorer, 'maxInputTokens' | 'countTokens'>;

/** A reader of texts for a scorer and another model: segments fit the windows of both. */
export function createReader(scorer: Scorer, other: Windowed): ReadText {
  const fits = (form: string): boolean => fitsWindow(form, scorer) && fitsWindow(form, other);
  return (text) => {
    const tokens = lex(text);
    const segments = splitSegments(text, tokens, fits);
    const forms = new Set(segments.map((segment) => scoredForm(segment, scorer)));
    // Every token is at least one of the scorer's.
    if (segments.length > 0 && tokens.length < scorer.maxInputTokens) {
      const whole = joinForms(tokens);
      if (!forms.has(whole) && fitsWindow(whole, scorer)) forms.add(whole);
    }
    return { text, segments, forms: [...forms] };
  };
}

/** What stands for a segment in the scorer's eyes: its form, or the beginning of one that no window holds. */
export function scoredForm(segment: Segment, scorer: Scorer): string {
  if (segment.fits || fitsWindow(segment.form, scorer)) return segment.form;
  const bytes = Buffer.from(segment.form).subarray(0, Math.max(1, scorer.maxInputTokens - SPECIAL_TOKENS));
  return new TextDecoder().decode(bytes, { stream: true });
}

/** Probability of the toxic label for a text: the highest of its segments and of its whole. */
export function toxicityOf(reading: Reading, scoreOf: (form: string) => Score): number {
  return reading.forms.reduce((most, form) => Math.max(most, scoreOf(form).toxicity), 0);
}

/** Whether a model reads all of a form. */
export function fitsWindow(form: string, model: Windowed): boolean {
  const bytes = Buffer.byteLength(form);
  if (bytes + SPECIAL_TOKENS <= model.maxInputTokens) return true;
  return bytes <= model.maxInputTokens * MOST_BYTES_PER_TOKEN && model.countTokens(form) <= model.maxInputTokens;
}
