import { readFileSync, statSync } from 'node:fs';
import { ServiceError } from '../contract/errors.ts';
import type { PostgresAddress } from '../contract/postgres-address.ts';

/**
 * The password of the first fitting line of a file like ~/.pgpass (`host:port:database:user:password`, `*` fits all), or
 * undefined without such a line or file. As in libpq, other users must not be able to read the file.
 *
 * @throws ServiceError for a file that others may read
 */
export function passwordFromFile(path: string, address: PostgresAddress): string | undefined {
  let text: string;
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw new ServiceError(`The password file ${path} is not used, because others may read it: chmod 600 it.`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    return undefined;
  }
  const { host, port, database, user } = address;
  const wanted = [host.startsWith('/') ? 'localhost' : host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitFields(line);
    // libpq looks a socket up by its folder, too.
    const fits = wanted.every(
      (value, at) => fields[at] === '*' || fields[at] === value || (at === 0 && fields[at] === host),
    );
    if (fits && fields[4]) return fields[4];
  }
  return undefined;
}

/** At each ":" without a "\" before it, four times at most: a password may have more of them. */
function splitFields(line: string): string[] {
  const fields = [''];
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === ':' && fields.length < 5) fields.push('');
    else {
      if (character === '\\' && at + 1 < line.length) at += 1;
      fields.push(`${fields.pop()}${line.charAt(at)}`);
    }
  }
  return fields;
}
