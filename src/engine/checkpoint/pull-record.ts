import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';

const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a text is the full name of a commit. Folders of pulled checkpoints have such names. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/** File beside the files of a pulled checkpoint. It says where they came from and holds their hashes. */
export const PULL_RECORD = 'pulled.json';

/** Compares the files of a checkpoint with the files that were pulled. It has no record of other folders. */
interface PullRecord {
  /**
   * @param sha256 null if there is no such file
   * @throws CheckpointError if the file is not the one that was pulled
   */
  check(file: string, sha256: string | null): void;
}

/**
 * Reads the record of a folder that is named after its commit. A copy under another name may be changed by its owner.
 *
 * @throws CheckpointError if the record cannot be read
 */
export function readPullRecord(folder: string): PullRecord {
  if (!isCommit(basename(folder))) return { check() {} };
  const file = join(folder, PULL_RECORD);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // The folder was copied here by hand, perhaps from another machine.
    return { check() {} };
  }
  const again = `Remove ${folder}, and pull the checkpoint again.`;
  let id: unknown;
  let files: Readonly<Record<string, { readonly sha256?: unknown } | null>>;
  try {
    ({ id, files } = JSON.parse(text));
    Object.keys(files);
  } catch (cause) {
    throw new CheckpointError(`${file} is damaged, so its checkpoint cannot be checked. ${again}`, {
      cause,
      code: 'checkpoint_damaged',
      data: { checkpoint: null },
    });
  }
  return {
    check(name, sha256) {
      const pulled = Object.hasOwn(files, name) ? files[name]?.sha256 : undefined;
      if (typeof pulled !== 'string' || pulled === sha256) return;
      throw new CheckpointError(
        `${join(folder, name)} is not what was pulled: it is damaged, or was changed. ` +
          `To use changed files, copy them to a folder with a name of its own. ${again}`,
        {
          code: 'checkpoint_damaged',
          data: { checkpoint: typeof id === 'string' ? `${id}@${basename(folder)}` : null },
        },
      );
    },
  };
}
