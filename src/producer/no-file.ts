import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { FORMATS, isReadName, READ_TODAY, tryFormatOfName } from './format.ts';
import { pipeFrom } from './pipe-from.ts';

/** Commands that bring other sources to standard input, by the scheme of an address. */
const FETCH: Readonly<Record<string, string>> = {
  http: 'curl -sSfL ADDRESS',
  https: 'curl -sSfL ADDRESS',
  ftp: 'curl -sSf ADDRESS',
  s3: 'aws s3 cp ADDRESS -',
  s3a: 'aws s3 cp s3://BUCKET/KEY -',
  gs: 'gcloud storage cat ADDRESS',
  hdfs: 'hdfs dfs -cat ADDRESS',
  postgres: 'psql ADDRESS -c "copy (select …) to stdout csv header"',
  postgresql: 'psql ADDRESS -c "copy (select …) to stdout csv header"',
};

/** A source in a message that is written before it is looked for: never with what may be a password in an address. */
export function shownSource(name: string): string {
  const scheme = schemeOf(name);
  if (name === '-') return 'standard input';
  return scheme === undefined ? basename(name) : shownAddress(name, scheme);
}

function schemeOf(name: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(name)?.[1]?.toLowerCase();
}

/** Why no file has this name: it is an address, or a pattern that the shell did not expand. Null for other names. */
export function whyNoFile(name: string): string | null {
  const scheme = schemeOf(name);
  if (scheme !== undefined) {
    const shown = shownAddress(name, scheme);
    if (scheme === 'file') return `${shown}: is an address; name the file by its path, without file://. ${READ_TODAY}`;
    if (scheme === 'hf') {
      const way = 'hf download OWNER/NAME FILE --repo-type dataset';
      return `${shown}: is an address of a hub, which is not read; download the file first: ${way}. ${READ_TODAY}`;
    }
    const ending = shown.split('/').at(-1) ?? '';
    const format = scheme.startsWith('postgres') ? 'csv' : tryFormatOfName(ending);
    const command = FETCH[scheme];
    const way =
      command === undefined ? 'download it first' : `pipe it: ${pipeFrom(command, format ?? FORMATS.join('|'))}`;
    return `${shown}: is an address, which is not read; ${way}. ${READ_TODAY}`;
  }
  if (isPattern(name)) {
    return `${name}: no such file; if it is a pattern, no file fits it, or it was quoted so that the shell could not expand it`;
  }
  return null;
}

/** Has `*`, `?`, `[…]` or `{…,…}`. */
function isPattern(name: string): boolean {
  if (/[*?]|\[[^[\]\n]*\]/.test(name)) return true;
  const open = name.indexOf('{');
  const comma = open < 0 ? -1 : name.indexOf(',', open);
  return comma >= 0 && name.includes('}', comma);
}

/** Never with what may be a password, a key or a signature: the scheme and the last part of the path. */
function shownAddress(name: string, scheme: string): string {
  const path = name.slice(scheme.length + 3).replace(/[?#].*/s, '');
  const last = path.includes('/') ? (path.split('/').at(-1) ?? '') : '';
  return /[@:=]/.test(last) || last === '' ? `${scheme}://…` : `${scheme}://…/${last}`;
}

export async function whyNoFolder(name: string, path: string): Promise<string> {
  const files = await readdir(path).catch((): string[] => []);
  const counts = new Map<string, number>();
  for (const file of files.filter(isReadName)) {
    const ending = file.slice(file.indexOf('.', 1));
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  const [common] = [...counts].sort(([, a], [, b]) => b - a);
  const folder = name.replace(/(?<!\/)\/+$/, '');
  if (common === undefined) return `${name}: is a folder; name the files in it. ${READ_TODAY}`;
  return `${name}: is a folder; name the files in it, e.g. ${folder}/*${common[0]}`;
}
