import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot, readConfig } from '../config.ts';
import { UsageError } from '../contract/errors.ts';
import type { Inspection } from '../contract/inspection.ts';
import { findCheckpoint } from '../engine/catalog.ts';
import { inspectCheckpoint, publishedConfig } from '../engine/load.ts';
import { inspectionText } from './print-inspection.ts';

export function addModelsInspectCommand(models: Command): void {
  models
    .command('inspect')
    .argument('<checkpoint>', 'a bundled checkpoint, an alias, or a folder; a folder with only config.json will do')
    .description('print the modules of a checkpoint as PyTorch does, and what can be done with it')
    .option('--json', 'print everything as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models inspect nano-bart
  detoxq models inspect ./my-finetuned-t5
  detoxq models inspect --json gpt2 | jq .parameters

Only config.json, the tokenizer and the headers of the weights are read, and the weights are hashed. The five systems are
known by their published configs also where they are not on disk.`,
    )
    .action(async (name: string, options: { json?: boolean }) => {
      const inspection = await inspectByName(name);
      process.stdout.write(
        options.json ? `${JSON.stringify(inspection, null, 2)}\n` : `${inspectionText(inspection)}\n`,
      );
    });
}

/** @throws UsageError when nothing is known by this name */
export async function inspectByName(name: string): Promise<Inspection> {
  const { home } = readConfig();
  const cacheFolder = join(home, 'compiled');
  const published = publishedConfig(name, packageRoot);
  try {
    const { folder, name: known } = findCheckpoint(name, packageRoot, home);
    return await inspectCheckpoint({ name: known, folder, configFile: join(folder, 'config.json'), cacheFolder });
  } catch (error) {
    if (published === null || !(error instanceof UsageError)) throw error;
    return await inspectCheckpoint({ name, folder: null, configFile: published, cacheFolder });
  }
}
