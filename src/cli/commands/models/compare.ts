import { extname } from 'node:path';
import type { Command } from 'commander';
import { compareSystems } from '../../../app/compare-systems.ts';
import { WORK_ANSWER_TIMEOUT_MS, WORK_CONNECTIONS } from '../../../app/context.ts';
import { enginePlace } from '../../../app/engines.ts';
import { JUDGES, requireJudges } from '../../../app/judges.ts';
import { readConfig } from '../../../config.ts';
import { UsageError } from '../../../contract/errors.ts';
import { SYSTEMS } from '../../../engine/index.ts';
import {
  type ComparedSystem,
  type Comparison,
  checkOutput,
  compareDocument,
  documentHtml,
  documentMarkdown,
  writeWholeFile,
} from '../../../report/index.ts';
import {
  addEngineOptions,
  addRunOptions,
  type EngineProcessOptions,
  type RunOptions,
  requestOf,
} from '../../options/options.ts';
import { listenForStop } from '../../signals.ts';
import { documentText } from '../../terminal/document.ts';
import { sayEvent } from '../../terminal/events.ts';
import { createProgressDisplay } from '../../terminal/progress.ts';
import { withContext } from '../../with-context.ts';
import { INTERRUPTED } from '../job.ts';
import { checkpointsRead, readByRun } from '../outputs.ts';
import { inspectByName } from './inspect.ts';

interface Options extends RunOptions, EngineProcessOptions {
  readonly data?: string;
  readonly labelColumn?: string;
  readonly out?: readonly string[];
  readonly json?: boolean;
}

const RENDERERS = { '.md': documentMarkdown, '.html': documentHtml } as const;
/** Columns of output that does not go to a terminal. */
const PLAIN_WIDTH = 140;

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
      const systems = await findSystems(names);
      const rewrites = systems.some(({ inspection, standIn }) =>
        (standIn ?? inspection).use.roles.includes('detoxifier'),
      );
      if (rewrites) requireJudges(JUDGES, readConfig().home);
      const comparison = await compare(systems, options);
      if (comparison === null) {
        process.exitCode = INTERRUPTED;
        return;
      }
      await print(comparison, options);
    });
}

/** Shows the progress of each run that measures a system. Ctrl-C ends the comparison; the runs that were done stay. */
async function compare(systems: readonly ComparedSystem[], options: Options): Promise<Comparison | null> {
  const { data, labelColumn } = options;
  let display = createProgressDisplay();
  const stop = listenForStop((text) => {
    display.end();
    process.stderr.write(`${text}\n`);
  });
  try {
    return await compareSystems(
      systems,
      {
        ...{ run: requestOf(options), data, labelColumn, place: enginePlace(options), signal: stop.signal },
        onProgress: (progress) => {
          display.update(progress);
          if (progress.state !== 'done') return;
          display.end();
          display = createProgressDisplay();
        },
      },
      sayEvent,
      (work) =>
        withContext({ schema: 'apply', connections: WORK_CONNECTIONS, answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS }, work),
    );
  } finally {
    display.end();
    stop.dispose();
  }
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
    const needed = inspection.folder === null && standIn !== undefined;
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
