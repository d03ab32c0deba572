import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot, readConfig } from '../config.ts';
import { CPU } from '../contract/model-device.ts';
import type { Precision } from '../contract/models.ts';
import { findCheckpoint } from '../engine/catalog.ts';
import { type CheckpointReference, isLanguageModel, loadClassifier, loadLanguageModel } from '../engine/load.ts';
import { visible } from './format.ts';
import { precisionOption } from './models-generate.ts';
import { type DeviceOption, deviceOption } from './options.ts';
import { print } from './standard-streams.ts';
import { textGroups } from './texts.ts';

interface Options extends DeviceOption {
  readonly precision: Precision;
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
that the model was trained on first.`,
    )
    .action(async (name: string, texts: string[], options: Options) => {
      const { home } = readConfig();
      const { folder, name: known } = findCheckpoint(name, packageRoot, home);
      const { precision, device = CPU } = options;
      const reference = { folder, name: known, precision, device, cacheFolder: join(home, 'compiled') };
      const model = isLanguageModel(folder) ? await openLikelihood(reference) : await openClassifier(reference);
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

async function openClassifier(reference: Reference): Promise<OpenModel> {
  const model = await loadClassifier(reference);
  const { labels } = model;
  return {
    async score(texts) {
      const results = await model.classify(texts);
      return results.map(({ logits, probabilities }, i) => {
        const text = texts[i] ?? '';
        const shown = labels.map((label, at) => `${(probabilities[at] ?? 0).toFixed(4)} ${label}`);
        return {
          json: { text, input_tokens: model.encode(text), labels, logits, probabilities },
          shown: `${shown.join('  ')}  ${visible(text)}`,
        };
      });
    },
    close: () => model.close(),
  };
}

/** A text without a token has no perplexity. */
async function openLikelihood(reference: Reference): Promise<OpenModel> {
  const model = await loadLanguageModel(reference);
  return {
    async score(texts) {
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
