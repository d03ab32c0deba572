import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError } from '../contract/errors.ts';
import { fileFault, homeAdvice, isSystemError } from '../contract/file-errors.ts';
import {
  checkpointFolder,
  DEFAULT_REVISION,
  findPulled,
  type HubName,
  PULL_RECORD,
  presentId,
} from '../engine/index.ts';
import { type Downloaded, download } from './download.ts';
import type { Http } from './http.ts';
import { MOST_SMALL_BYTES, MOST_UNSIZED_BYTES, requireSpace } from './limits.ts';
import { getRepository, type HubFile, type Repository } from './repository.ts';
import { selectFiles, selectShards } from './selection.ts';
import { openStaging, writeRef } from './staging.ts';

interface PullRequest extends HubName {
  readonly http: Http;
  readonly endpoint: string;
  /** `HF_HUB_OFFLINE`: no request goes to the hub. */
  readonly offline: boolean;
  readonly modelsFolder: string;
  readonly onProgress: (progress: PullProgress) => void;
}

export interface PullProgress {
  /** The file that is being fetched. */
  readonly file: string;
  /** Over all known files of the checkpoint. Shards are known once their index has come. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface Pulled {
  readonly id: string;
  readonly commit: string;
  readonly folder: string;
  readonly bytes: number;
  /** False if the checkpoint was there before. */
  readonly fetched: boolean;
  /** Present name on the hub, if it differs from the requested one. */
  readonly movedTo: string | null;
}

/**
 * Downloads a checkpoint from a hub into the models folder: config, tokenizer and one form of weights. A checkpoint that is
 * there is not fetched again, and a broken download continues where it broke.
 *
 * @throws UsageError, HubError, CheckpointError
 */
export async function pull(request: PullRequest): Promise<Pulled> {
  const { http, endpoint, modelsFolder } = request;
  const id = presentId(request.id);
  const revision = request.revision ?? DEFAULT_REVISION;
  if (request.offline) return pullOffline(request, id);

  const repository = await getRepository(http, endpoint, id, revision);
  const movedTo = repository.id.toLowerCase() === id.toLowerCase() ? null : repository.id;
  const folder = checkpointFolder(modelsFolder, id, repository.commit);
  const result = { id, commit: repository.commit, folder, movedTo };
  const fetched = !existsSync(folder);
  try {
    if (fetched) await fetchInto(request, repository, id, revision);
    await writeRef(modelsFolder, id, revision, repository.commit);
  } catch (error) {
    throw explainWrite(error, modelsFolder);
  }
  return { ...result, fetched, bytes: recordedBytes(folder) };
}

function pullOffline(request: PullRequest, id: string): Pulled {
  const there = findPulled(request.modelsFolder, request);
  if (there) {
    return { ...there, bytes: recordedBytes(there.folder), fetched: false, movedTo: null };
  }
  const revision = request.revision === null ? '' : `@${request.revision}`;
  throw new HubError(`${id}${revision} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.`, {
    code: 'hub_offline',
    data: { checkpoint: `${id}${revision}`, id },
  });
}

/** An unfinished download is kept for the next attempt. */
function explainWrite(error: unknown, folder: string): unknown {
  if (!isSystemError(error)) return error;
  return new HubError(
    `The checkpoint cannot be written in ${folder}: ${fileFault(error, folder)}. ${homeAdvice(error)} ` +
      'What has come is kept: the same command goes on from there.',
    { cause: error },
  );
}

async function fetchInto(request: PullRequest, repository: Repository, id: string, revision: string): Promise<void> {
  const { http, endpoint, modelsFolder, onProgress } = request;
  const { files, weights, sharded } = selectFiles(repository);
  const staging = await openStaging(modelsFolder, id, repository.commit);
  const checked: Record<string, Downloaded> = {};
  let bytesTotal = sizeOf([...files, weights]);
  let bytesDone = 0;

  let unsized = 0;

  async function fetch(file: HubFile): Promise<void> {
    // Weights have any size. If no size was listed, the disk was not checked either.
    const most = file.size === null ? MOST_UNSIZED_BYTES - unsized : Number.MAX_SAFE_INTEGER;
    const mostBytes = /\.(safetensors|bin)$/.test(file.name) ? most : MOST_SMALL_BYTES;
    const onBytes = (count: number) => {
      bytesDone += count;
      onProgress({ file: file.name, bytesDone, bytesTotal });
    };
    checked[file.name] = await download({
      http,
      endpoint,
      repository,
      file,
      folder: staging.folder,
      mostBytes,
      onBytes,
    });
    if (file.size === null) unsized += checked[file.name]?.size ?? 0;
  }

  try {
    await requireSpace(staging.folder, bytesTotal);
    for (const file of files) await fetch(file);
    await fetch(weights);
    if (sharded) {
      const index = readFileSync(join(staging.folder, weights.name), 'utf8');
      const shards = selectShards(repository, weights.name, index);
      bytesTotal += sizeOf(shards);
      await requireSpace(staging.folder, bytesTotal - bytesDone);
      for (const shard of shards) await fetch(shard);
    }
    const record = { id: repository.id, revision, commit: repository.commit, endpoint, files: checked };
    await writeFile(join(staging.folder, PULL_RECORD), `${JSON.stringify(record, null, 2)}\n`);
  } catch (error) {
    await staging.leave().catch(() => {});
    throw error;
  }
  await staging.publish();
}

function sizeOf(files: readonly HubFile[]): number {
  return files.reduce((sum, { size }) => sum + (size ?? 0), 0);
}

/** Total size of the files of a pulled checkpoint, as they were checked. */
function recordedBytes(folder: string): number {
  const file = join(folder, PULL_RECORD);
  let record: unknown;
  try {
    record = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new HubError(`${file} is missing or damaged: remove ${folder}, and give the same command again.`, { cause });
  }
  const files = typeof record === 'object' && record !== null && 'files' in record ? record.files : null;
  return Object.values(typeof files === 'object' && files !== null ? files : {})
    .map((file: unknown) => (typeof file === 'object' && file !== null && 'size' in file ? Number(file.size) : 0))
    .reduce((sum, size) => sum + size, 0);
}
