import { existsSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { packageRoot } from '../config.ts';
import { CheckpointError } from '../contract/errors.ts';
import type { LocalCheckpoint, ModelIdentity, Precision } from '../contract/models.ts';
import type { RunSettings } from '../contract/settings.ts';
import { bundledFolders, findCheckpoint, identifyCheckpoint } from '../engine/index.ts';
import { isWithin } from '../report/index.ts';

/** A checkpoint that was found, and its weights identified. */
export interface Model extends LocalCheckpoint {
  readonly identity: ModelIdentity;
}

/** The models of one run. */
export interface RunModels {
  readonly scorer: Model;
  readonly detoxifier: Model;
  readonly prefilter: Model | null;
}

/** Finds the folder of a model that a run names. @throws UsageError, CheckpointError */
export type FindCheckpoint = (model: ModelIdentity) => LocalCheckpoint;

/** The checkpoints of this machine: bundled ones, pulled ones, and folders. */
export interface Checkpoints {
  /** Compiled models are kept here. */
  readonly cacheFolder: string;
  /** Whether some model was compiled on this machine before. */
  hasCompiled(): boolean;
  /** @param name an alias, a hub id, or the path of a folder. @throws UsageError for a name that nothing has */
  find(name: string): LocalCheckpoint;
  /** Which weights a name means here and now. @throws UsageError, CheckpointError */
  open(name: string, precision: Precision): Promise<Model>;
  /**
   * The models of a run that was started before.
   * @throws CheckpointError that names the model and both digests where the weights are others now: results would not be comparable
   */
  openSame(settings: RunSettings): Promise<RunModels>;
  /**
   * Opens checkpoints of runs that others may have written, in the folders alone that this machine allows: the bundled
   * ones, `home`, the working folder and `allowed`. It does not tell whether a folder elsewhere exists.
   */
  findAllowed: FindCheckpoint;
}

/** @param home `DETOXQ_HOME`; `allowed`: `DETOXQ_CHECKPOINTS`, absolute paths */
export function createCheckpoints(home: string, allowed: readonly string[]): Checkpoints {
  const cacheFolder = join(home, 'compiled');
  const folders = [...bundledFolders(packageRoot), home, process.cwd(), ...allowed];
  const find = (name: string): LocalCheckpoint => findCheckpoint(name, packageRoot, home);
  const open = async (name: string, precision: Precision): Promise<Model> => {
    const source = find(name);
    return { ...source, identity: await identifyCheckpoint({ ...source, precision, cacheFolder }) };
  };
  const openFrozen = async (frozen: ModelIdentity): Promise<Model> => {
    const present = await open(frozen.name, frozen.precision);
    if (present.identity.digest === frozen.digest) return present;
    throw new CheckpointError(
      `The checkpoint ${frozen.name} is not the one this run was started with (sha256 ${frozen.digest.slice(0, 12)} then, ` +
        `${present.identity.digest.slice(0, 12)} now). Bring that one back, or begin a new run.`,
    );
  };
  return {
    cacheFolder,
    hasCompiled: () => existsSync(join(cacheFolder, 'graphs')),
    find,
    open,
    openSame: async ({ scorer, detoxifier, prefilter }) => ({
      scorer: await openFrozen(scorer),
      detoxifier: await openFrozen(detoxifier),
      prefilter: prefilter === undefined ? null : await openFrozen(prefilter.scorer),
    }),
    findAllowed({ name }) {
      // A path is refused before it is looked at.
      if (isAbsolute(name) || name.split('/').includes('..')) requireAllowedFolder(name, folders);
      const source = find(name);
      requireAllowedFolder(source.folder, folders);
      return source;
    },
  };
}

/** Models that were found already, by their names. @throws Error for another name: a fault of the program */
export function among({ scorer, detoxifier, prefilter }: RunModels): FindCheckpoint {
  const known = new Map(
    [scorer, detoxifier, ...(prefilter === null ? [] : [prefilter])].map((model) => [model.identity.name, model]),
  );
  return ({ name }) => {
    const model = known.get(name);
    if (model === undefined) throw new Error('a model of the run was not opened with it');
    return { name: model.name, folder: model.folder };
  };
}

/**
 * Refuses a checkpoint folder that lies in none of the folders a worker may open checkpoints from. Links count by what
 * they lead to.
 *
 * The settings of a run are written by whoever may enqueue, on another machine perhaps; the files of this one are not
 * theirs to look through.
 *
 * @param name as a run's settings have it
 * @param allowed absolute paths
 * @throws CheckpointError that says what to do; it does not tell whether the folder exists
 */
export function requireAllowedFolder(name: string, allowed: readonly string[]): void {
  const folder = whereItLeads(resolve(name));
  if (allowed.some((root) => isWithin(whereItLeads(root), folder))) return;
  throw new CheckpointError(
    `The run names the checkpoint folder ${resolve(name)}, which a worker opens only where it is told to: ` +
      `start it with DETOXQ_CHECKPOINTS=${dirname(resolve(name))}, or in a folder above`,
  );
}

function whereItLeads(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
