import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot, readConfig } from '../config.ts';
import type { Precision } from '../contract/models.ts';
import { findCheckpoint } from '../engine/catalog.ts';
import { loadClassifier } from '../engine/load.ts';
import { visible } from './format.ts';
import { precisionOption } from './models-generate.ts';
import { textGroups } from './texts.ts';

export function addModelsScoreCommand(models: Command): void {
  models
    .command('score')
    .argument('<checkpoint>', 'a bundled checkpoint, an alias, or a folder')
    .argument('[texts...]', 'texts (default: the lines of standard input)')
    .description('let a classifier with any labels score texts: no queue, no database')
    .addOption(precisionOption())
    .option('--json', 'one JSON object a text: text, input_tokens, labels, logits, probabilities')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models score nano-roberta "who the hell wrote this ?" "thank you ."
  detoxq models score ./my-classifier --json < texts.txt

The model gets the text as it is: in fp32 the logits are those of transformers within 1e-4. A run puts texts into the form
that the model was trained on first.`,
    )
    .action(async (name: string, texts: string[], options: { precision: Precision; json?: boolean }) => {
      const { home } = readConfig();
      const { folder, name: known } = findCheckpoint(name, packageRoot, home);
      const cacheFolder = join(home, 'compiled');
      const model = await loadClassifier({ folder, name: known, precision: options.precision, cacheFolder });
      try {
        for await (const group of textGroups(texts)) {
          const results = await model.classify(group);
          results.forEach(({ logits, probabilities }, i) => {
            const text = group[i] ?? '';
            const { labels } = model;
            process.stdout.write(
              options.json
                ? `${JSON.stringify({ text, input_tokens: model.encode(text), labels, logits, probabilities })}\n`
                : plainLine(labels, probabilities, text),
            );
          });
        }
      } finally {
        await model.close();
      }
    });
}

function plainLine(labels: readonly string[], probabilities: readonly number[], text: string): string {
  const shown = labels.map((label, i) => `${(probabilities[i] ?? 0).toFixed(4)} ${label}`);
  return `${shown.join('  ')}  ${visible(text)}\n`;
}
