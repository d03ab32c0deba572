import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { inForm } from '../support/fault-cluster.ts';
import { type HubServer, startHub } from '../support/hub-server.ts';

/*
 * 21: files of the home are damaged. What can be made again is made again; what was pulled is named; a result is the same,
 * or there is none.
 */
const TINY = join(import.meta.dirname, '../fixtures/checkpoints/tiny-bart');
const COMMIT = 'c0ffee'.padEnd(40, '0');
const GENERATE = ['models', 'generate', 's-nlp/bart-base-detox', 'you are a fool'];

const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
  'a bit is another one': (file) => {
    const bytes = readFileSync(file);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  },
  'it is empty': (file) => truncateSync(file),
  'a half is missing': (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  'it is gone': (file) => rmSync(file),
  'a folder lies there': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
};

describe('21: files of the home are damaged', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'fault-home-'));
  const whole = join(scratch, 'whole');
  let hub: HubServer;
  let wanted = '';
  const detoxq = (args: readonly string[], home: string) =>
    runCli(args, { DETOXQ_HOME: home, HF_ENDPOINT: hub.endpoint });
  const filesOf = (home: string): string[] =>
    readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
      .sort();

  beforeAll(async () => {
    hub = await startHub();
    const names = readdirSync(TINY).filter((name) => name !== 'reference.jsonl');
    hub.repositories.set('s-nlp/bart-base-detox', {
      commit: COMMIT,
      large: ['model.safetensors'],
      files: Object.fromEntries(names.map((name) => [name, readFileSync(join(TINY, name))])),
    });
    const pulled = await detoxq(['models', 'pull', 's-nlp/bart-base-detox'], whole);
    expect(pulled.code, pulled.stderr).toBe(0);
    const first = await detoxq(GENERATE, whole);
    expect(first.code, first.stderr).toBe(0);
    wanted = first.stdout;
  });
  afterAll(async () => {
    await hub.close();
    rmSync(scratch, { recursive: true });
  });

  test.each(Object.keys(DAMAGES))('%s', async (kind) => {
    const compiled = filesOf(whole).filter((file) => file.startsWith('compiled/'));
    const pulled = filesOf(whole).filter((file) => file.includes(COMMIT));
    expect(compiled.length).toBeGreaterThan(3);
    expect(pulled.length).toBeGreaterThan(3);

    // All that is made here, at once in the short form: none of it is missed.
    for (const damaged of inForm(
      compiled.map((file) => [file]),
      [compiled],
    )) {
      const home = mkdtempSync(join(scratch, 'home-'));
      cpSync(whole, home, { recursive: true, preserveTimestamps: true });
      for (const file of damaged) DAMAGES[kind]?.(join(home, file));
      const end = await detoxq(GENERATE, home);
      expect(end, damaged.join(', ')).toMatchObject({ code: 0, stdout: wanted });
      rmSync(home, { recursive: true });
    }

    const weights = pulled.filter((file) => file.endsWith('.safetensors'));
    for (const file of inForm(pulled, weights)) {
      const home = mkdtempSync(join(scratch, 'home-'));
      cpSync(whole, home, { recursive: true, preserveTimestamps: true });
      DAMAGES[kind]?.(join(home, file));
      const end = await detoxq(GENERATE, home);
      if (end.code === 0) expect(end.stdout, file).toBe(wanted);
      else expect(end.stderr, file).toMatch(/^detoxq: .*c0ffee/m);
      expect(end.code === 0 && weights.includes(file), file).toBe(false);
      rmSync(home, { recursive: true });
    }
  });
});
