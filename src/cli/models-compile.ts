import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { packageRoot, readConfig } from '../config.ts';
import type { Precision } from '../contract/models.ts';
import { findCheckpoint } from '../engine/catalog.ts';
import { prepareCheckpoint } from '../engine/load.ts';
import { formatDuration, formatTable } from './format.ts';
import { formatBytes } from './print-inspection.ts';

interface Options {
  readonly precision: Precision;
  readonly json?: boolean;
}

export function addModelsCompileCommand(models: Command): void {
  models
    .command('compile')
    .argument('<checkpoint>', 'a bundled checkpoint, an alias, or a folder')
    .description('make the ONNX graphs of a checkpoint now, so that the first run with it starts at once')
    .addOption(
      new Option('--precision <precision>', 'int8 is what runs use by default')
        .choices(['int8', 'fp32'])
        .default('int8'),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models compile bart-base-detox
  detoxq models compile ./my-model --precision fp32

The graphs lie in DETOXQ_HOME/compiled, found by the content of the checkpoint, and are checked at each use.`,
    )
    .action(async (name: string, { precision, json }: Options) => {
      const { home } = readConfig();
      const { folder, name: known } = findCheckpoint(name, packageRoot, home);
      const startMs = Date.now();
      const { identity, graphs } = await prepareCheckpoint({
        folder,
        name: known,
        precision,
        cacheFolder: join(home, 'compiled'),
      });
      const durationMs = Date.now() - startMs;
      // The manifest is written last: an older one was there before this command.
      const fresh = statSync(join(graphs, 'manifest.json')).mtimeMs >= startMs;
      const files = readdirSync(graphs)
        .sort()
        .map((file) => ({ file, bytes: statSync(join(graphs, file)).size }));
      const peakBytes = process.resourceUsage().maxRSS * 1024;
      if (json) {
        process.stdout.write(
          `${JSON.stringify({ ...identity, folder: graphs, files, compiled: fresh, durationMs, peakBytes }, null, 2)}\n`,
        );
        return;
      }
      const how = fresh ? 'compiled' : 'was compiled already, checked';
      process.stdout.write(
        `${known} (${identity.architecture}, ${identity.precision}, sha256 ${identity.digest.slice(0, 12)}) ${how} ` +
          `in ${formatDuration(durationMs)}, with ${formatBytes(peakBytes)} of memory at most\n  ${graphs}\n\n`,
      );
      const rows = files.map(({ file, bytes }) => [file, formatBytes(bytes)]);
      process.stdout.write(`${formatTable(['file', 'size'], rows)}\n`);
    });
}
