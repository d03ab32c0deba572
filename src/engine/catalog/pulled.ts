import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isCommit } from '../checkpoint/pull-record.ts';

/*
 * Checkpoints that were pulled from a hub are in the models folder (`DETOXQ_HOME/models`):
 *
 *     <id>/<commit>/          a whole checkpoint; it is never changed, and exists only after every file was checked
 *     <id>/.refs/<revision>   the commit that a branch or tag meant at the last pull
 *     <id>/.<commit>.<host>.<pid>/   an unfinished download, or its remains
 *
 * `<id>` is the hub's name: `owner/name`, or `name` alone.
 */

/** A checkpoint of a hub on this machine. */
export interface PulledCheckpoint {
  readonly id: string;
  readonly commit: string;
  readonly folder: string;
  /** Branches and tags that meant this commit when they were pulled. */
  readonly revisions: readonly string[];
}

export const DEFAULT_REVISION = 'main';
const PART = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?$/;

/** `name` or `owner/name`, as hubs allow them; never a path that leaves its folder. */
export function isHubId(text: string): boolean {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every((part) => PART.test(part) && !part.includes('..') && !part.includes('--'));
}

export interface HubName {
  readonly id: string;
  /** Branch, tag or commit; null where none was named. */
  readonly revision: string | null;
}

/** Repositories that have moved. Their old names find checkpoints that were pulled under the new ones. */
const MOVED_OWNERS: Readonly<Record<string, string>> = { SkolkovoInstitute: 's-nlp' };
const MOVED: Readonly<Record<string, string>> = {
  gpt2: 'openai-community/gpt2',
  'bert-base-uncased': 'google-bert/bert-base-uncased',
  'roberta-base': 'FacebookAI/roberta-base',
  't5-base': 'google-t5/t5-base',
};

/** The present id of a repository. */
export function presentId(id: string): string {
  const known = MOVED[id];
  if (known !== undefined) return known;
  const [owner = '', name] = id.split('/');
  const present = MOVED_OWNERS[owner];
  return present !== undefined && name !== undefined ? `${present}/${name}` : id;
}

/** Parses `owner/name@revision`; null for a text that is not a name of a hub. */
export function parseHubName(text: string): HubName | null {
  const [id = '', revision, ...rest] = text.split('@');
  if (rest.length > 0 || !isHubId(id) || (revision !== undefined && !isRevision(revision))) return null;
  return { id, revision: revision ?? null };
}

/** The names of branches and tags that Git allows, without unusual characters. */
function isRevision(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/.test(text) && !text.includes('..');
}

export function repositoryFolder(modelsFolder: string, id: string): string {
  return join(modelsFolder, ...id.split('/'));
}

export function checkpointFolder(modelsFolder: string, id: string, commit: string): string {
  return join(repositoryFolder(modelsFolder, id), commit);
}

/** File that says which commit a revision is. */
export function refFile(modelsFolder: string, id: string, revision: string): string {
  return join(repositoryFolder(modelsFolder, id), '.refs', encodeURIComponent(revision));
}

/** Finds the checkpoint that a name means on this machine, without network access; null if it was not pulled. */
export function findPulled(modelsFolder: string, { id, revision }: HubName): PulledCheckpoint | null {
  const present = presentId(id);
  const wanted = revision ?? DEFAULT_REVISION;
  const commit = isCommit(wanted) ? wanted : readRef(refFile(modelsFolder, present, wanted));
  const known = pulledOf(modelsFolder, present);
  return (
    known.find((checkpoint) => checkpoint.commit === commit) ??
    known.find((checkpoint) => /^[0-9a-f]{7,}$/.test(wanted) && checkpoint.commit.startsWith(wanted)) ??
    null
  );
}

/** Every pulled checkpoint on this machine, by id. */
export function listPulled(modelsFolder: string): PulledCheckpoint[] {
  return folders(modelsFolder)
    .filter((owner) => isHubId(owner))
    .flatMap((owner) => [
      ...pulledOf(modelsFolder, owner),
      ...folders(join(modelsFolder, owner))
        .map((name) => `${owner}/${name}`)
        .filter((id) => isHubId(id) && !isCommit(id.slice(owner.length + 1)))
        .flatMap((id) => pulledOf(modelsFolder, id)),
    ]);
}

function pulledOf(modelsFolder: string, id: string): PulledCheckpoint[] {
  const repository = repositoryFolder(modelsFolder, id);
  const refs = files(join(repository, '.refs')).map((file) => ({
    revision: decodeURIComponent(file),
    commit: readRef(join(repository, '.refs', file)),
  }));
  return folders(repository)
    .filter(isCommit)
    .map((commit) => ({
      id,
      commit,
      folder: join(repository, commit),
      revisions: refs.filter((ref) => ref.commit === commit).map((ref) => ref.revision),
    }));
}

function readRef(file: string): string | null {
  if (!existsSync(file)) return null;
  const text = readFileSync(file, 'utf8').trim();
  return isCommit(text) ? text : null;
}

function folders(folder: string): string[] {
  return entries(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());
}

function files(folder: string): string[] {
  return entries(folder).filter((name) => !name.endsWith('.tmp'));
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
