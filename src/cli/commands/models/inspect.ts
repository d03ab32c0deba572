import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { packageRoot } from '../../../config.ts';
import { UsageError } from '../../../contract/errors.ts';
import type { Inspection } from '../../../contract/inspection.ts';
import type { Precision } from '../../../contract/models.ts';
import { describeMachine, inspectCheckpoint, publishedConfig, sizesOfCheckpoint } from '../../../engine/index.ts';
import { useLines } from '../../advice.ts';
import { deviceText, type NamedSizes, sizesText } from '../../terminal/device.ts';
import { inspectionText } from '../../terminal/inspection.ts';
import { localCheckpoints } from '../../with-context.ts';

interface Options {
  readonly device?: boolean;
  readonly precision: Precision;
  readonly json?: boolean;
}

export function addModelsInspectCommand(models: Command): void {
  models
    .command('inspect')
    .argument('[checkpoint]', 'a bundled checkpoint, an alias, or a folder; a folder with only config.json will do')
    .description('print the modules of a checkpoint as PyTorch does, and what can be done with it')
    .option('--device', 'print what this machine is good at, and how much work at a time the checkpoint is given here')
    .addOption(
      new Option('--precision <precision>', 'with --device: int8 is what runs use by default')
        .choices(['int8', 'fp32'])
        .default('int8'),
    )
    .option('--json', 'print everything as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models inspect nano-bart
  detoxq models inspect ./my-finetuned-t5
  detoxq models inspect --json gpt2 | jq .parameters
  detoxq models inspect --device
  detoxq models inspect --device bart-base-detox

Only config.json, the tokenizer and the headers of the weights are read, and the weights are hashed. The five systems are
known by their published configs also where they are not on disk.`,
    )
    .action(async (name: string | undefined, { device = false, precision, json = false }: Options) => {
      if (device) {
        const facts = await describeMachine();
        const sizes = name === undefined ? null : await sizesByName(name, precision);
        const text = [deviceText(facts), ...(sizes === null ? [] : [sizesText(sizes)])].join('\n\n');
        process.stdout.write(`${json ? JSON.stringify({ ...facts, model: sizes }, null, 2) : text}\n`);
        return;
      }
      if (name === undefined) throw new UsageError('Name a checkpoint, or give --device.');
      const inspection = await inspectByName(name);
      process.stdout.write(`${json ? JSON.stringify(asPrinted(inspection), null, 2) : inspectionText(inspection)}\n`);
    });
}

async function sizesByName(name: string, precision: Precision): Promise<NamedSizes> {
  const { find, cacheFolder } = localCheckpoints();
  const { folder, name: known } = find(name);
  const reference = { folder, name: known, precision, cacheFolder };
  return { name: known, precision, ...(await sizesOfCheckpoint(reference)) };
}

/** With the commands that the text names. */
function asPrinted(inspection: Inspection): object {
  return { ...inspection, use: { ...inspection.use, advice: useLines(inspection) } };
}

/** @throws UsageError when nothing is known by this name */
export async function inspectByName(name: string): Promise<Inspection> {
  const { find, cacheFolder } = localCheckpoints();
  const published = publishedConfig(name, packageRoot);
  try {
    const { folder, name: known } = find(name);
    return await inspectCheckpoint({ name: known, folder, configFile: join(folder, 'config.json'), cacheFolder });
  } catch (error) {
    if (published === null || !(error instanceof UsageError)) throw error;
    return await inspectCheckpoint({ name, folder: null, configFile: published, cacheFolder });
  }
}
