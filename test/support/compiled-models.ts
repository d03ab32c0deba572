import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cliEnvironment, MAIN, ROOT } from './cli.ts';

const FOLDER = 'DETOXQ_TEST_COMPILED';

/** Compiles the default models once for the test run: each home would take two seconds of CPU time for the same graphs. */
export function setup(): void {
  if (process.env[FOLDER] !== undefined) return;
  const home = join(tmpdir(), 'compiled-once');
  const args = [MAIN, 'models', 'compile', 'nano-roberta', 'nano-bart'];
  execFileSync(process.execPath, args, { cwd: ROOT, env: cliEnvironment({ DETOXQ_HOME: home }), stdio: 'pipe' });
  process.env[FOLDER] = join(home, 'compiled');
}

/** Gives a home the default models as compiled already. They are links: a test that damages compiled models makes its own. */
export function linkCompiledModels(home: string): void {
  const compiled = process.env[FOLDER];
  if (compiled === undefined) throw new Error('compiled-models.ts is not among the global setups of this project');
  mkdirSync(home, { recursive: true });
  execFileSync('cp', ['-al', compiled, join(home, 'compiled')]);
}
