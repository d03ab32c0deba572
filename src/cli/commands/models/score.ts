import type { Command } from 'commander';
import { CPU } from '../../../contract/device.ts';
import { CheckpointError, UsageError } from '../../../contract/errors.ts';
import type { Precision } from '../../../contract/models.ts';
import { fitsWindow, type Windowed } from '../../../detox/reading.ts';
import { cutIntoWindows } from '../../../detox/windows.ts';
import {
  type CheckpointReference,
  type Classification,
  isLanguageModel,
  loadClassifier,
  loadLanguageModel,
  type ToxicLabel,
  toxicLabelOf,
} from '../../../engine/index.ts';
import { type DeviceOption, deviceOption } from '../../options/options.ts';
import { guessedLabelText } from '../../terminal/events.ts';
import { print } from '../../terminal/standard-streams.ts';
import { visible } from '../../terminal/visible.ts';
import { localCheckpoints } from '../../with-context.ts';
import { precisionOption } from './generate.ts';
import { textGroups } from './texts.ts';

interface Options extends DeviceOption {
  readonly precision: Precision;
  readonly toxicLabel?: string;
  readonly json?: boolean;
}

type Reference = CheckpointReference & DeviceOption;

export function addModelsScoreCommand(models: Command): void {
  models
    .command('score')
    .argument('<checkpoint>', 'a bundled checkpoint, an alias, or a folder')
    .argument('[texts...]', 'texts (default: the lines of standard input)')
    .description(
      'let a classifier with any labels score texts, or a language model say their perplexity: no queue, no database',
    )
    .addOption(precisionOption())
    .addOption(deviceOption())
    .option('--toxic-label <name>', 'label that means toxic, which decides where a text is longer than the model reads')
    .option(
      '--json',
      'one JSON object a text: text, input_tokens, and labels, logits, probabilities or logprob, perplexity',
    )
    .addHelpText(
      'after',
      `
Examples:
  detoxq models score nano-roberta "who the hell wrote this ?" "thank you ."
  detoxq models score ./my-classifier --json < texts.txt
  detoxq models score gpt2 "Who the hell wrote this?"    perplexity, lower where a text is more fluent

The model gets the text as it is: in fp32 the logits are those of transformers within 1e-4. A run puts texts into the form
that the model was trained on first.

A text that is longer than the model reads at once is read in pieces, and the most toxic one counts (in JSON, windows says how
many there are). Where no label means toxic, and with language models, only its beginning is read, and a line says so.`,
    )
    .action(async (name: string, texts: string[], options: Options) => {
      const { find, cacheFolder } = localCheckpoints();
      const { folder, name: known } = find(name);
      const { precision, device = CPU } = options;
      const reference = { folder, name: known, precision, device, cacheFolder };
      const isLikelihood = isLanguageModel(folder);
      if (isLikelihood && options.toxicLabel !== undefined) {
        throw new UsageError('--toxic-label has no effect: a language model has no labels.');
      }
      const model = isLikelihood
        ? await openLikelihood(reference)
        : await openClassifier(reference, labelFor(folder, options.toxicLabel));
      try {
        for await (const group of textGroups(texts)) {
          for (const { json, shown } of await model.score(group)) {
            await print(`${options.json ? JSON.stringify(json) : shown}\n`);
          }
        }
      } finally {
        await model.close();
      }
    });
}

interface Scored {
  readonly json: Readonly<Record<string, unknown>>;
  /** A line for people. */
  readonly shown: string;
}

interface OpenModel {
  score(texts: readonly string[]): Promise<Scored[]>;
  close(): Promise<void>;
}

/** The label that means toxic, or null where none may and none was asked for. */
function labelFor(folder: string, asked: string | undefined): ToxicLabel | null {
  try {
    return toxicLabelOf(folder, asked);
  } catch (error) {
    if (asked !== undefined || !(error instanceof CheckpointError)) throw error;
    return null;
  }
}

async function openClassifier(reference: Reference, toxic: ToxicLabel | null): Promise<OpenModel> {
  const model = await loadClassifier(reference);
  const { labels } = model;
  let saidGuess = false;
  return {
    async score(texts) {
      const read = texts.map((text) => (toxic === null ? [text] : windowsFor(text, model)));
      if (toxic === null) warnOfCuts(texts, model);
      if (toxic?.isGuess && !saidGuess && read.some(({ length }) => length > 1)) {
        saidGuess = true;
        process.stderr.write(`${guessedLabelText(reference.name, toxic.name)}\n`);
      }
      const results = await model.classify(read.flat());
      let at = 0;
      return texts.map((text, i) => {
        const windows = read[i] ?? [];
        const own = windows.map((window, w) => ({ window, result: results[at + w] }));
        at += windows.length;
        const worst = own.reduce((most, next) =>
          probabilityOf(next, toxic) > probabilityOf(most, toxic) ? next : most,
        );
        const { logits = [], probabilities = [] } = worst.result ?? {};
        const shown = labels.map((label, l) => `${(probabilities[l] ?? 0).toFixed(4)} ${visible(label)}`);
        const many = windows.length > 1 ? { windows: windows.length } : {};
        return {
          json: { text, input_tokens: model.encode(worst.window), labels, logits, probabilities, ...many },
          shown: `${shown.join('  ')}  ${visible(text)}`,
        };
      });
    },
    close: () => model.close(),
  };
}

function probabilityOf({ result }: { readonly result: Classification | undefined }, toxic: ToxicLabel | null): number {
  return result?.probabilities[toxic?.index ?? 0] ?? 0;
}

/** The text, or pieces of it where it is longer than the model reads. */
function windowsFor(text: string, model: Windowed): string[] {
  if (fitsWindow(text, model)) return [text];
  // A piece may have more tokens than bytes where a tokenizer takes characters apart.
  const cut = (part: string, size: number): string[] =>
    cutIntoWindows(part, size).flatMap((piece) =>
      model.countTokens(piece) <= model.maxInputTokens || size < 8 ? [piece] : cut(piece, size >> 1),
    );
  return cut(text, model.maxInputTokens);
}

function warnOfCuts(texts: readonly string[], model: Windowed): void {
  const longer = texts.filter((text) => !fitsWindow(text, model)).length;
  if (longer === 0) return;
  const what = longer === 1 ? 'A text is' : `${longer} texts are`;
  process.stderr.write(
    `${what} longer than the ${model.maxInputTokens} tokens that the model reads: the end did not count.\n`,
  );
}

/** A text without a token has no perplexity. */
async function openLikelihood(reference: Reference): Promise<OpenModel> {
  const model = await loadLanguageModel(reference);
  return {
    async score(texts) {
      warnOfCuts(texts, model);
      const results = await model.logLikelihood(texts);
      return results.map(({ logLikelihood: logprob, tokens }, i) => {
        const text = texts[i] ?? '';
        const perplexity = tokens === 0 ? null : Math.exp(-logprob / tokens);
        return {
          json: { text, input_tokens: model.encode(text), logprob, perplexity },
          shown: `perplexity ${perplexity === null ? '–' : perplexity.toPrecision(4)}  ${visible(text)}`,
        };
      });
    },
    close: () => model.close(),
  };
}
