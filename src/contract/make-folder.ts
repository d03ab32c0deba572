import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isSystemError } from './file-errors.ts';

/**
 * Makes a folder, with the missing ones above it. Node's own `recursive` never returns where an existing folder takes no new
 * ones and answers ENOENT, as `/proc` does.
 *
 * @param mode of each folder that is made
 * @throws SystemError for the first that cannot be made
 */
export function makeFolder(path: string, mode = 0o777): void {
  const missing: string[] = [];
  let at = resolve(path);
  while (statSync(at, { throwIfNoEntry: false }) === undefined && dirname(at) !== at) {
    missing.unshift(at);
    at = dirname(at);
  }
  // An existing file in its place is refused by the system, in its words.
  if (missing.length === 0) makeOne(at, mode);
  for (const folder of missing) makeOne(folder, mode);
}

function makeOne(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    const isThere = isSystemError(error) && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
    if (!isThere) throw error;
  }
}
