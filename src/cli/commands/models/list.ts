import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot, readConfig } from '../../../config.ts';
import type { Role } from '../../../contract/inspection.ts';
import type { Precision } from '../../../contract/models.ts';
import {
  ALIASES,
  bundledFolder,
  bundledNames,
  DEFAULT_REVISION,
  findTemplate,
  hasTunings,
  listPulled,
  modelsFolder,
  type PulledCheckpoint,
  readArchitecture,
  readFields,
  rolesOfCheckpoint,
  sizesOfCheckpoint,
  TEXT_ALONE,
} from '../../../engine/index.ts';
import { asCalled } from '../../as-called.ts';
import { formatBytes } from '../../terminal/inspection.ts';
import { outputTable } from '../../terminal/table.ts';
import { localCheckpoints } from '../../with-context.ts';

/** A checkpoint that can be named. `prompt`: what its texts are put into, if it is not the text alone. */
interface Listed {
  readonly name: string;
  readonly kind: 'bundled' | 'alias' | 'pulled';
  readonly roles: readonly Role[];
  readonly prompt: string | null;
  /** The hub's name of it. */
  readonly hub: string | null;
  readonly revisions: readonly string[];
  readonly commit: string | null;
  /** Null where it is not on this machine. */
  readonly folder: string | null;
  readonly bytes: number | null;
  readonly architecture: string | null;
}

/** `tuned`: the precisions for which a calibration of this machine has chosen sizes. */
type ListedHere = Listed & { readonly tuned: readonly Precision[] };

export function addModelsListCommand(models: Command): void {
  models
    .command('list')
    .description('checkpoints that can be named: bundled, by alias, pulled; and what is on this machine')
    .option('--json', 'print them as a JSON array')
    .addHelpText(
      'after',
      '\nExample:\n  detoxq models list\n  detoxq models list --json | jq -r ".[] | select(.folder).name"',
    )
    .action(async (options: { json?: boolean }) => {
      const { home } = readConfig();
      const listed: ListedHere[] = [];
      for (const model of listModels(home)) listed.push({ ...model, tuned: await tunedPrecisions(model) });
      process.stdout.write(options.json ? `${JSON.stringify(listed, null, 2)}\n` : `${table(listed)}\n`);
    });
}

function listModels(home: string): Listed[] {
  const pulled = listPulled(modelsFolder(home));
  const bundled = bundledNames(packageRoot).flatMap((name): Listed[] => {
    const folder = bundledFolder(name, packageRoot);
    if (folder === null) return [];
    const roles = rolesOfCheckpoint(folder);
    const prompt = promptOf(folder, name);
    return [{ name, kind: 'bundled', roles, prompt, hub: null, revisions: [], commit: null, ...onDisk(folder) }];
  });
  const byAlias = new Set<PulledCheckpoint>();
  const aliases = ALIASES.map(({ name, hub, roles, prompt = null }): Listed => {
    const there = pulled.find(({ id, revisions }) => id === hub && revisions.includes(DEFAULT_REVISION));
    if (there) byAlias.add(there);
    const place = there ? onDisk(there.folder) : { folder: null, bytes: null, architecture: null };
    const { commit = null, revisions = [] } = there ?? {};
    return { name, kind: 'alias', roles, prompt, hub, revisions, commit, ...place };
  });
  const others = pulled
    .filter((checkpoint) => !byAlias.has(checkpoint))
    .map(({ id, commit, folder, revisions }): Listed => {
      const name = revisions.includes(DEFAULT_REVISION) ? id : `${id}@${revisions[0] ?? commit}`;
      const prompt = promptOf(folder, name);
      return { name, kind: 'pulled', roles: [], prompt, hub: id, revisions, commit, ...onDisk(folder) };
    });
  return [...bundled, ...aliases, ...others];
}

/** Weights are hashed for it, once: not where nothing has been tuned. */
async function tunedPrecisions({ name, folder }: Listed): Promise<Precision[]> {
  const { cacheFolder } = localCheckpoints();
  if (folder === null || !hasTunings(cacheFolder)) return [];
  const tuned: Precision[] = [];
  for (const precision of ['int8', 'fp32'] as const) {
    const sizes = await sizesOfCheckpoint({ folder, name, precision, cacheFolder }).catch(() => null);
    if (sizes !== null && sizes.tuned.length > 0) tuned.push(precision);
  }
  return tuned;
}

function onDisk(folder: string): { folder: string; bytes: number; architecture: string | null } {
  return { folder, bytes: sizeOf(folder), architecture: architectureOf(folder) };
}

function architectureOf(folder: string): string | null {
  try {
    return readArchitecture(folder);
  } catch {
    return null;
  }
}

/** The template of a checkpoint; null where it is the text alone, or its config cannot be read. */
function promptOf(folder: string, name: string): string | null {
  try {
    const template = findTemplate(undefined, readFields(join(folder, 'config.json')), name);
    return template === TEXT_ALONE ? null : template;
  } catch {
    return null;
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, stats) => sum + (stats?.isFile() ? stats.size : 0), 0);
}

function table(listed: readonly ListedHere[]): string {
  const columns: Readonly<Record<string, (model: ListedHere) => string>> = {
    name: ({ name }) => name,
    for: ({ roles }) => roles.join(', '),
    size: ({ bytes }) => (bytes === null ? 'not here' : formatBytes(bytes)),
    class: ({ architecture }) => architecture ?? '',
    // Mostly empty, and the other columns need the room.
    ...(listed.some(({ tuned }) => tuned.length > 0) ? { tuned: ({ tuned }: ListedHere) => tuned.join(', ') } : {}),
    from: ({ kind, hub, commit }) =>
      kind === 'bundled' ? 'bundled' : `${hub}${commit === null ? '' : `@${commit.slice(0, 12)}`}`,
  };
  const rows = listed.map((model) => Object.values(columns).map((cell) => cell(model)));
  const missing = listed.some(({ folder }) => folder === null);
  const hint = missing ? asCalled('\n\nWhat is not here: detoxq models pull NAME') : '';
  return outputTable(Object.keys(columns), rows, { overflow: 'wrap' }).trimEnd() + hint;
}
