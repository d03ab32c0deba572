import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, packageRoot, readConfig } from '../../../config.ts';
import { HubError, UsageError } from '../../../contract/errors.ts';
import {
  ALIASES,
  bundledFolder,
  findAlias,
  type HubName,
  hubNameOf,
  modelsFolder,
  openWeights,
  requireInstalled,
  weightFiles,
} from '../../../engine/index.ts';
import { closest } from '../../../hub/closest.ts';
import { createHttp, Unreachable } from '../../../hub/http.ts';
import { type Pulled, pull } from '../../../hub/pull.ts';
import { formatBytes } from '../../terminal/inspection.ts';
import { visible } from '../../terminal/visible.ts';
import { createByteProgress } from './byte-progress.ts';

export function addModelsPullCommand(models: Command): void {
  models
    .command('pull')
    .argument('<checkpoint>', "an alias, a hub's owner/name, with @revision if you like, or a folder to be checked")
    .description('fetch a checkpoint from a model hub: config, tokenizer and weights, checked and resumable')
    .option('--json', 'print what is there now as JSON')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models pull bart-base-detox
  detoxq models pull sentence-transformers/all-MiniLM-L6-v2@main
  HF_TOKEN=... detoxq models pull my-company/private-model

It lies in DETOXQ_HOME/models afterwards; no other verb fetches anything. HF_ENDPOINT (a mirror), HF_TOKEN, HF_HUB_OFFLINE,
HTTPS_PROXY, HTTP_PROXY and NO_PROXY are heeded. Broken downloads go on where they broke: give the same command again.`,
    )
    .action(async (name: string, options: { json?: boolean }) => {
      const config = readConfig();
      const here = alreadyHere(name);
      if (here !== null) {
        process.stderr.write(`${here.note}\n`);
        if (options.json) process.stdout.write(`${JSON.stringify({ name, folder: here.folder })}\n`);
        return;
      }
      const hubName = hubNameOf(name);
      if (hubName === null) {
        throw new UsageError(`${JSON.stringify(name)} is neither an alias, nor an owner/name of a hub, nor a folder.`);
      }
      const [asked = ''] = name.split('@');
      if (findAlias(asked) === undefined && asked !== hubName.id) {
        process.stderr.write(`${asked} is now called ${hubName.id}.\n`);
      }
      const pulled = await pullWithProgress(hubName, config, name);
      if (options.json) process.stdout.write(`${JSON.stringify({ name, ...pulled }, null, 2)}\n`);
      else report(name, pulled);
    });
}

/** What needs no hub: a bundled checkpoint, or a folder, whose weights are looked at. */
function alreadyHere(name: string): { folder: string; note: string } | null {
  const bundled = bundledFolder(name, packageRoot);
  if (bundled !== null) return { folder: bundled, note: `${name} comes with detoxq: nothing to fetch.` };
  const folder = resolve(name);
  const isPath = /^[./~\\]/.test(name) || (findAlias(name) === undefined && existsSync(join(folder, 'config.json')));
  if (!isPath) {
    requireInstalled(name);
    return null;
  }
  if (!existsSync(join(folder, 'config.json'))) throw new UsageError(`${folder} is not a folder with a config.json.`);
  const tensors = openWeights(folder);
  const count = tensors.infos.size;
  tensors.close();
  return {
    folder,
    note: `${folder} is on this machine already: ${count} tensors in ${weightFiles(folder).join(', ')}. Name it by its path.`,
  };
}

async function pullWithProgress(hubName: HubName, config: Config, name: string): Promise<Pulled> {
  const { endpoint, offline, ...access } = config.hub;
  const progress = createByteProgress();
  const http = createHttp({ endpoint, ...access });
  try {
    return await pull({
      ...hubName,
      http,
      endpoint,
      offline,
      modelsFolder: modelsFolder(config.home),
      onProgress: ({ file, bytesDone, bytesTotal }) => progress.update(file, bytesDone, bytesTotal),
    });
  } catch (error) {
    progress.end();
    throw explain(error, name, endpoint);
  } finally {
    progress.end();
    await http.close();
  }
}

/** Adds what a person can do next. */
function explain(error: unknown, name: string, endpoint: string): unknown {
  const similar = findAlias(name)
    ? []
    : closest(
        name,
        ALIASES.flatMap((alias) => [alias.name, alias.hub]),
      );
  const meant = similar.length > 0 ? ` Did you mean ${similar.join(' or ')}?` : '';
  if (error instanceof UsageError) return new UsageError(error.message + meant, { cause: error, ...error.details });
  if (error instanceof Unreachable) {
    return new HubError(
      `${error.message}, in several tries. Is there a network, or is a proxy needed (HTTPS_PROXY)? A mirror of ${endpoint} can ` +
        `be named in HF_ENDPOINT. What has come is kept: the same command goes on from there.${meant}`,
      { cause: error },
    );
  }
  return error;
}

function report(name: string, { id, commit, folder, bytes, fetched, movedTo }: Pulled): void {
  if (movedTo !== null) process.stderr.write(`The hub calls ${id} ${movedTo} now.\n`);
  const what = fetched ? `Fetched ${formatBytes(bytes)}, every file checked.` : `Already here, ${formatBytes(bytes)}.`;
  process.stdout.write(`${id} at ${commit.slice(0, 12)}: ${what}\n  ${visible(folder)}\n`);
  process.stdout.write(`Next:\n  detoxq models inspect ${name}\n`);
}
