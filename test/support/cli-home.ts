import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from './cli.ts';
import { linkCompiledModels } from './compiled-models.ts';

/** A newcomer's machine: no services, an empty home folder, and a project home that holds compiled models alone. */
export interface CliHome {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Stops the services that a command started. */
  remove(): Promise<void>;
}

/** @param compiled false: models are compiled at their first use */
export async function createCliHome(compiled = true): Promise<CliHome> {
  const folder = await mkdtemp(join(tmpdir(), 'detoxq-e2e-'));
  const env = { DETOXQ_HOME: join(folder, 'project'), HOME: join(folder, 'home') };
  if (compiled) linkCompiledModels(env.DETOXQ_HOME);
  return {
    folder,
    env,
    async remove() {
      await runCli(['services', 'stop'], env);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
