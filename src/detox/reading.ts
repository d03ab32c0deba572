import type { Score, Scorer } from '../contract/models.ts';
import type { Answers } from './answers.ts';
import { joinForms, lex } from './model-form.ts';
import { type Segment, splitSegments } from './sentences.ts';
import { cutIntoWindows, SPECIAL_TOKENS } from './windows.ts';

/** A text in the form that the models see. */
export interface Reading {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** Texts that the scorer reads first: the segments, each form once. */
  readonly parts: readonly string[];
  /** The whole text, if it has more than one part and fits the scorer's window. It is scored if a part is doubtful. */
  readonly whole: string | null;
}

/**
 * If no sentence reaches this (probability of the toxic label), the whole text does not reach one half. Of 18,000 texts in
 * which it could have mattered, one did. This saves a third of the scorer's work on clean texts of several sentences
 * (docs/decisions/detox-whole-and-sentences.md).
 */
const DOUBTFUL_FROM = 0.05;

/** A form with more bytes than this per place of the window is not counted: no vocabulary has such words. */
const MOST_BYTES_PER_TOKEN = 64;

export type ReadText = (text: string) => Reading;

type ScoreOf = (form: string) => Score;

export type Windowed = Pick<Scorer, 'maxInputTokens' | 'countTokens'>;

/** Reads texts for a scorer and another model. Segments fit the windows of both. */
export function createReader(scorer: Scorer, other: Windowed): ReadText {
  const fits = (form: string): boolean => fitsWindow(form, scorer) && fitsWindow(form, other);
  return (text) => {
    const tokens = lex(text);
    const segments = splitSegments(text, tokens, fits);
    const parts = new Set(segments.flatMap((segment) => scoredForms(segment, scorer)));
    // Every token of ours is at least one token of the scorer.
    const whole = segments.length > 0 && tokens.length < scorer.maxInputTokens ? joinForms(tokens) : null;
    const isMore = whole !== null && !parts.has(whole) && fitsWindow(whole, scorer);
    return { text, segments, parts: [...parts], whole: isMore ? whole : null };
  };
}

/** Texts that a scorer reads for a segment: its form, or its parts if the form is longer than the window. */
export function scoredForms({ form, fits }: Segment, scorer: Windowed): readonly string[] {
  return fits || fitsWindow(form, scorer) ? [form] : cutIntoWindows(form, scorer.maxInputTokens);
}

/** Scores texts: first their parts, then the whole texts with doubtful parts. */
export async function askAbout(readings: readonly Reading[], scores: Answers<Score>): Promise<void> {
  await scores.ask(readings.flatMap(({ parts }) => parts));
  await scores.ask(readings.flatMap((reading) => askedForms(reading, scores.of)));
}

/** What a scorer was asked about a text. */
export function askedForms({ parts, whole }: Reading, scoreOf: ScoreOf): readonly string[] {
  return whole !== null && mostToxic(parts, scoreOf) >= DOUBTFUL_FROM ? [...parts, whole] : parts;
}

/** Probability of the toxic label for a text: the highest of its segments, and of the whole if one of them is doubtful. */
export function toxicityOf(reading: Reading, scoreOf: ScoreOf): number {
  return mostToxic(askedForms(reading, scoreOf), scoreOf);
}

/** The highest probability of the toxic label. */
export function mostToxic(forms: readonly string[], scoreOf: ScoreOf): number {
  return forms.reduce((most, form) => Math.max(most, scoreOf(form).toxicity), 0);
}

/** Whether a model reads a whole form. */
export function fitsWindow(form: string, model: Windowed): boolean {
  const bytes = Buffer.byteLength(form);
  if (bytes + SPECIAL_TOKENS <= model.maxInputTokens) return true;
  return bytes <= model.maxInputTokens * MOST_BYTES_PER_TOKEN && model.countTokens(form) <= model.maxInputTokens;
}
