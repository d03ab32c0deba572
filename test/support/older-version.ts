import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './cli.ts';

/** The last commit whose workers look neither at what a run requires nor at the schema: migrations 1 to 5. */
const OLDER_COMMIT = '8a366d24b0a0';

/** Why the sources of that commit cannot be had; null when they can. */
export const noOlderVersion: string | null = whyNot();

function whyNot(): string | null {
  const { status } = spawnSync('git', ['cat-file', '-e', `${OLDER_COMMIT}^{commit}`], { cwd: ROOT });
  return status === 0 ? null : `the history of git is not here, or too short: commit ${OLDER_COMMIT} is missing`;
}

/** Programs of the older version. */
export interface OlderVersion {
  /** `detoxq`, as a script for Node. */
  readonly main: string;
  /** Its fault-worker.ts: the verb `worker` with the fake engine. */
  readonly worker: string;
}

/** Puts the older version, with today's libraries and models, into a folder of its own under `folder`. */
export function unpackOlderVersion(folder: string): OlderVersion {
  const root = join(folder, 'older');
  mkdirSync(root);
  const archive = execFileSync('git', ['archive', OLDER_COMMIT, 'package.json', 'src', 'migrations', 'test/support'], {
    cwd: ROOT,
    maxBuffer: 2 ** 30,
  });
  execFileSync('tar', ['-x', '-C', root], { input: archive });
  for (const shared of ['node_modules', 'models']) symlinkSync(join(ROOT, shared), join(root, shared));
  return { main: join(root, 'src/cli/main.ts'), worker: join(root, 'test/support/fault-worker.ts') };
}
