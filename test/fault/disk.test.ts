import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CliResult, runCli } from '../support/cli.ts';
import { FULL, startCluster } from '../support/fault-cluster.ts';
import { canIntercept, createFaultDisk, type DISK_FAULTS, type FaultDisk } from '../support/fault-disk.ts';
import { type HubServer, startHub } from '../support/hub-server.ts';
import { canStartRedis } from '../support/private-redis.ts';

/*
 * 20: each write to disk of a command fails once: it does what it was asked for, or says what is wrong, leaves nothing half
 * done, and the next one, undisturbed, does the same as ever. In short, some of the writes.
 */
const TINY = join(import.meta.dirname, '../fixtures/checkpoints/tiny-bart');
const SHORT_FORM_FAULTS = 3;
/** Two runs each: in the full form, too, not all of their 300 writes. */
const MOST_RUNS = 60;
const ERROR = /^detoxq: .*(no space is left on the disk|the disk reports an error)/m;

interface Case {
  readonly disk: FaultDisk;
  command(env: Record<string, string>): Promise<CliResult>;
  /** What came of it, to be compared; throws for what is half done. */
  outcome(result: CliResult): unknown;
  /** As it was before. */
  undo(): void;
}

async function failEachWrite({ disk, command, outcome, undo }: Case, most = Number.POSITIVE_INFINITY): Promise<void> {
  const undisturbed = await command(disk.counting());
  expect(undisturbed.code, undisturbed.stderr).toBe(0);
  const writes = disk.writes();
  expect(writes).toBeGreaterThan(0);
  const wanted = outcome(undisturbed);
  for (const [fault, at] of chosenFaults(writes, most)) {
    undo();
    const which = `${fault} at write ${at} of ${writes}`;
    const disturbed = await command(disk.failing(at, fault));
    if (disturbed.code === 0) expect(outcome(disturbed), which).toEqual(wanted);
    else expect(`${which}: ${disturbed.code}\n${disturbed.stderr}`).toMatch(ERROR);
    const next = await command({});
    expect(next.code, `after ${which}: ${next.stderr}`).toBe(0);
    expect(outcome(next), `after ${which}`).toEqual(wanted);
  }
}

/** Every other one of a full disk, the others of a broken one. */
function chosenFaults(writes: number, most: number): [keyof typeof DISK_FAULTS, number][] {
  const count = Math.min(writes, FULL ? most : SHORT_FORM_FAULTS);
  return Array.from({ length: count }, (_, n) => {
    const at = 1 + Math.floor(((n + 0.5) * writes) / count);
    return [at % 2 === 0 ? 'ENOSPC' : 'EIO', at];
  });
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length));
}

describe.skipIf(!canIntercept)('20: every write to disk fails once', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'fault-disk-'));
  let hub: HubServer;
  beforeAll(async () => {
    hub = await startHub();
    const names = readdirSync(TINY).filter((name) => name !== 'reference.jsonl');
    hub.repositories.set('s-nlp/bart-base-detox', {
      commit: 'c0ffee'.padEnd(40, '0'),
      large: ['model.safetensors'],
      files: Object.fromEntries(names.map((name) => [name, readFileSync(join(TINY, name))])),
    });
  });
  afterAll(async () => {
    await hub.close();
    rmSync(scratch, { recursive: true });
  });

  function homeCase(
    name: string,
    args: readonly string[],
    outcome: (result: CliResult, home: string) => unknown,
  ): Case {
    const own = join(scratch, name);
    const home = join(own, 'home');
    mkdirSync(home, { recursive: true });
    return {
      disk: createFaultDisk(own, home),
      command: (env) => runCli(args, { DETOXQ_HOME: home, HF_ENDPOINT: hub.endpoint, ...env }),
      outcome: (result) => outcome(result, home),
      undo: () => {
        rmSync(home, { recursive: true });
        mkdirSync(home);
      },
    };
  }

  test('when a checkpoint is compiled and used', async () => {
    await failEachWrite(
      homeCase('score', ['models', 'score', 'nano-bert', 'you are a fool'], ({ stdout }, home) => {
        expect(files(home).filter((file) => file.includes('tmp'))).toEqual([]);
        return stdout;
      }),
    );
  });

  test('when a checkpoint is pulled', async () => {
    await failEachWrite(
      homeCase('pull', ['models', 'pull', 's-nlp/bart-base-detox'], (_, home) => {
        const models = join(home, 'models');
        // When it was pulled stands in pulled.json.
        return files(models)
          .filter((file) => !file.endsWith('pulled.json'))
          .map((file) => [file, readFileSync(join(models, file)).toString('base64')])
          .sort();
      }),
    );
  });

  test.skipIf(!canStartRedis)('when a run is worked on, and exported', async () => {
    const cluster = await startCluster();
    const folder = join(cluster.folder, 'disk');
    mkdirSync(folder);
    const disk = createFaultDisk(cluster.folder, folder);
    const rows = join(cluster.folder, 'rows.jsonl');
    const texts = ['you are a stupid idiot', 'what a lovely garden', 'shut up, you fool', 'see you tomorrow'];
    writeFileSync(rows, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    const out = join(folder, 'out.jsonl');
    const home = join(folder, 'home');
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const undo = () => {
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
    };
    const env = { DETOXQ_HOME: home };
    const detoxq = (args: readonly string[], more: Record<string, string>) => cluster.cli(args, { ...env, ...more });

    const exporting: Case = {
      disk,
      undo,
      command: (more) => detoxq(['export', 'latest', '--out', out], more),
      outcome: () => {
        expect(readdirSync(folder).filter((file) => file !== 'home')).toEqual(['out.jsonl']);
        return readFileSync(out, 'utf8').replaceAll(/"r[0-9a-z]{7}"/g, '"RUN"');
      },
    };
    // Graphs and digests of its models are made anew each time; its rows are in Postgres.
    const running: Case = {
      disk,
      undo,
      command: async (more) => {
        const run = await detoxq(['run', rows, '--scorer', 'nano-bert', '--detoxifier', 'nano-t5'], more);
        return run.code === 0 ? exporting.command({}) : run;
      },
      outcome: exporting.outcome,
    };
    await failEachWrite(running, MOST_RUNS);
    await failEachWrite(exporting);
  });
});
