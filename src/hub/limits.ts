import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HubError } from '../contract/errors.ts';

/** Limit for configs, tokenizers and indexes. The largest tokenizer that we know takes 34 MB. */
export const MOST_SMALL_BYTES = 64 << 20;
/** Limit for the weights of one checkpoint if the hub lists no size. */
export const MOST_UNSIZED_BYTES = 64 * 2 ** 30;
/** Free space that must remain for other programs. */
const SPARE_BYTES = 64 << 20;
/** How often a download of unknown size checks the disk. */
export const SPACE_CHECK_BYTES = 32 << 20;

/** @throws HubError if the disk has no room for this many bytes */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  const free = await freeOn(folder);
  if (free >= bytes + SPARE_BYTES) return;
  throw new HubError(
    `The disk of ${folder} has ${inMb(free)} left, the download takes ${inMb(bytes)}: make room, or set DETOXQ_HOME elsewhere.`,
  );
}

/** @throws HubError before a file of unknown size fills the disk */
export async function leaveSpare(file: string): Promise<void> {
  const folder = dirname(file);
  const free = await freeOn(folder);
  if (free >= SPARE_BYTES) return;
  throw new HubError(
    `The disk of ${folder} has ${inMb(free)} left, and the hub does not say how much is still to come: make room, or set DETOXQ_HOME elsewhere.`,
  );
}

/** `64 MiB`. */
export function formatLimit(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1).replace('.0', '')} GiB`
    : `${Math.floor(bytes / 2 ** 20)} MiB`;
}

async function freeOn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function inMb(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
