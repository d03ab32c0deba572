import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCli } from '../support/cli.ts';
import { type HubServer, startHub } from '../support/hub-server.ts';

const TINY = join(import.meta.dirname, '../fixtures/checkpoints/tiny-bart');
const COMMIT = '1234567'.padEnd(40, '8');
const home = mkdtempSync(join(tmpdir(), 'detoxq-pull-'));
let hub: HubServer;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true });
});

const detoxq = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  startCli(args, { DETOXQ_HOME: home, HF_ENDPOINT: hub.endpoint, ...env }).ended;

test('a checkpoint is pulled by alias, listed, named by other verbs, and found offline', async () => {
  const names = readdirSync(TINY).filter((name) => name !== 'reference.jsonl');
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(TINY, name))]));
  hub.repositories.set('s-nlp/bart-base-detox', { commit: COMMIT, large: ['model.safetensors'], files });

  const before = await detoxq(['models', 'inspect', '--json', 'bart-base-detox']);
  expect(JSON.parse(before.stdout).folder).toBeNull();

  const pulled = await detoxq(['models', 'pull', 'SkolkovoInstitute/bart-base-detox']);
  expect(pulled).toMatchObject({ code: 0 });
  expect(pulled.stderr).toContain('SkolkovoInstitute/bart-base-detox is now called s-nlp/bart-base-detox.');
  expect(pulled.stdout).toContain(`s-nlp/bart-base-detox at ${COMMIT.slice(0, 12)}: Fetched`);
  const folder = join(home, 'models/s-nlp/bart-base-detox', COMMIT);
  expect(readdirSync(folder).sort()).toEqual([...names, 'pulled.json'].sort());

  const listed = await detoxq(['models', 'list', '--json']);
  const entry = JSON.parse(listed.stdout).find(({ name }: { name: string }) => name === 'bart-base-detox');
  expect(entry).toMatchObject({
    kind: 'alias',
    folder,
    commit: COMMIT,
    revisions: ['main'],
    architecture: 'BartForConditionalGeneration',
  });
  const after = await detoxq(['models', 'inspect', '--json', 'bart-base-detox']);
  expect(JSON.parse(after.stdout).folder).toBe(folder);

  const compiled = await detoxq(['models', 'compile', '--json', 'bart-base-detox']);
  expect(JSON.parse(compiled.stdout)).toMatchObject({ name: 'bart-base-detox', precision: 'int8', compiled: true });
  const again = JSON.parse((await detoxq(['models', 'compile', '--json', 'bart-base-detox'])).stdout);
  expect(again.compiled).toBe(false);
  expect(again.files.map(({ file }: { file: string }) => file)).toContain('encoder.onnx');

  hub.requests.length = 0;
  const offline = await detoxq(['models', 'pull', 'bart-base-detox', '--json'], { HF_HUB_OFFLINE: '1' });
  expect(JSON.parse(offline.stdout)).toMatchObject({ commit: COMMIT, fetched: false, folder });
  expect(hub.requests).toHaveLength(0);
});

test('mistakes and refusals end with the exit codes of their kind, and say what to do', async () => {
  const mistake = await detoxq(['models', 'pull', 's-nlp/bart-base-detx']);
  expect(mistake.code).toBe(2);
  expect(mistake.stderr).toContain('Did you mean s-nlp/bart-base-detox');
  const unknown = await detoxq(['models', 'pull', 'a b']);
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
  hub.repositories.set('owner/closed', { commit: COMMIT, files: {}, token: 'hf_right', gated: true });
  const closed = await detoxq(['models', 'pull', 'owner/closed'], { HF_TOKEN: 'hf_wrong' });
  expect(closed.code).toBe(1);
  expect(closed.stderr).toContain('owner/closed is gated');
  expect(closed.stderr).not.toContain('hf_wrong');
  const bundled = await detoxq(['models', 'pull', 'nano-bart']);
  expect(bundled.stderr).toContain('nano-bart comes with detoxq');
});
