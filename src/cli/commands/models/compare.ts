import { extname } from 'node:path';
import type { Command } from 'commander';
import { type CompareOptions, compareSystems } from '../../../app/compare-systems.ts';
import { packageRoot } from '../../../config.ts';
import { UsageError } from '../../../contract/errors.ts';
import { bundledNames, SYSTEMS } from '../../../engine/index.ts';
import {
  type ComparedSystem,
  type Comparison,
  checkOutput,
  compareDocument,
  documentHtml,
  documentMarkdown,
  writeWholeFile,
} from '../../../report/index.ts';
import { addEngineOptions, addRunOptions } from '../../options/options.ts';
import { documentText } from '../../terminal/document.ts';
import { checkpointsRead, readByRun } from '../outputs.ts';
import { inspectByName } from './inspect.ts';

interface Options extends CompareOptions {
  readonly out?: readonly string[];
  readonly json?: boolean;
}

const RENDERERS = { '.md': documentMarkdown, '.html': documentHtml } as const;
/** For output that is no terminal. */
const PLAIN_WIDTH = 140;
const INTERRUPTED = 130;

export function addModelsCompareCommand(models: Command): void {
  const command = models
    .command('compare')
    .argument('[checkpoints...]', 'bundled checkpoints, aliases or folders (default: the five systems)')
    .description('put systems side by side: what they are, and what they do on the same rows');
  addEngineOptions(addRunOptions(command))
    .option('--data <file>', 'rows to measure on (default: examples/comments.csv)')
    .option('--label-column <name>', 'column that says which rows are toxic, for AUC and accuracy of scorers')
    .option('--out <file>', 'write the report, too: .md or .html by its ending; may be given twice', collect)
    .option('--json', 'print the comparison as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models compare
  detoxq models compare nano-bart ./my-bart --data comments.csv --limit 500 --out compare.html
  detoxq models compare nano-roberta nano-bert --data labelled.tsv --label-column toxic

Detoxifiers run with the scorer given by --scorer, scorers with the detoxifier given by --detoxifier, each pair as an ordinary
run of the first 200 rows (--limit). What is not on this machine is described from its published config; of the five systems a
small bundled checkpoint of the same class is measured in its place, and the report says so.`,
    )
    .action(async (names: string[], options: Options) => {
      const kept = readByRun(options.data === undefined ? [] : [options.data], options);
      for (const [at, path] of (options.out ?? []).entries()) {
        await checkOutput('--out', path, [...kept, ...checkpointsRead(names)]);
        rendererFor(path);
        if (options.out?.indexOf(path) !== at) throw new UsageError(`--out ${path} is given twice.`);
      }
      const comparison = await compareSystems(await findSystems(names), options);
      if (comparison === null) {
        process.exitCode = INTERRUPTED;
        return;
      }
      await print(comparison, options);
    });
}

async function print(comparison: Comparison, { out = [], json }: Options): Promise<void> {
  const document = compareDocument(comparison);
  for (const path of out) {
    const text = rendererFor(path)(document);
    await writeWholeFile(path, (file) => file.writeFile(text));
    process.stderr.write(`Wrote ${path}.\n`);
  }
  const width = process.stdout.columns ?? PLAIN_WIDTH;
  process.stdout.write(json ? `${JSON.stringify(comparison, null, 2)}\n` : `${documentText(document, width)}\n`);
}

async function findSystems(names: readonly string[]): Promise<ComparedSystem[]> {
  const wanted = names.length === 0 ? SYSTEMS.map(({ alias }) => alias) : [...new Set(names)];
  const systems: ComparedSystem[] = [];
  for (const name of wanted) {
    const inspection = await inspectByName(name);
    const standIn = SYSTEMS.find(({ alias }) => alias === name)?.standIn;
    const needed = inspection.folder === null && standIn !== undefined && bundledNames(packageRoot).includes(standIn);
    systems.push({ name, inspection, standIn: needed ? await inspectByName(standIn) : null });
  }
  return systems;
}

function rendererFor(path: string): (typeof RENDERERS)['.md'] {
  const ending = extname(path).toLowerCase();
  if (ending === '.md' || ending === '.html') return RENDERERS[ending];
  throw new UsageError(`Cannot write the report to ${path}: the ending must be .md or .html.`);
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
