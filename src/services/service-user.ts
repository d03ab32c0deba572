import { readFileSync, statSync } from 'node:fs';
import { errorCode, ServiceError } from '../contract/errors.ts';

/** The user that servers run as when detoxq runs as root. */
export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Null means the user of this process. Root cannot run Postgres, so for root it is the owner of the data folder if there is one,
 * else the system's `postgres`, else `nobody`. No account is made: one would stay behind when the home is deleted.
 */
export function serviceUser(dataFolder: string): ServiceUser | null {
  if (process.getuid?.() !== 0) return null;
  const owner = ownerOf(dataFolder);
  if (owner !== null && owner.uid !== 0) return owner;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (Number(uid) > 0 && Number(gid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new ServiceError(
    'Postgres refuses to run as root, and this system has no user postgres or nobody to run it as. ' +
      'Run detoxq as an ordinary user, or set DATABASE_URL.',
  );
}

function ownerOf(path: string): ServiceUser | null {
  try {
    const { uid, gid } = statSync(path);
    return { uid, gid };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
