import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { TINY } from './tiny-checkpoints.ts';

/** One of each kind that a terminal obeys: ESC, BEL, CR, backspace, C1, direction, no width. */
export const CONTROLS = '\u001b]0;title\u0007\u001b[2J\r\b\u009b31m\u202e\u2066\u200b';
/** What no output may hold, line ends and tabs apart. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
export const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

type Json = Record<string, unknown>;

/** A copy of a small checkpoint, for one test, in a folder whose name may be hostile, too. */
export function copyCheckpoint(name: string, folderName = 'checkpoint'): string {
  const parent = mkdtempSync(join(tmpdir(), 'hostile-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, folderName);
  cpSync(join(TINY, name), folder, { recursive: true });
  return folder;
}

/** Changes a file of JSON in place. */
export function changeJson(folder: string, file: string, change: (json: Json) => void): void {
  const path = join(folder, file);
  const json: Json = JSON.parse(readFileSync(path, 'utf8'));
  change(json);
  writeFileSync(path, JSON.stringify(json));
}

/** Gives the tensors of `model.safetensors` other names; their bytes stay. */
export function renameTensors(folder: string, rename: (name: string) => string): void {
  const path = join(folder, 'model.safetensors');
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE());
  const header: Json = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const renamed = Object.fromEntries(Object.entries(header).map(([name, entry]) => [rename(name), entry]));
  const text = Buffer.from(JSON.stringify(renamed));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([start, text, bytes.subarray(8 + length)]));
}
