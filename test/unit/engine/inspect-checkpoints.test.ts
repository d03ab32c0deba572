import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, describe as group, it } from 'vitest';
import { packageRoot } from '../../../src/config.ts';
import { namedParameters } from '../../../src/engine/architectures/module.ts';
import { describe } from '../../../src/engine/architectures/registry.ts';
import { bundledNames } from '../../../src/engine/catalog/catalog.ts';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';
import { inspectCheckpoint, publishedConfig } from '../../../src/engine/inspect/inspect.ts';
import { rolesOfCheckpoint } from '../../../src/engine/inspect/roles.ts';
import { checkHeader } from '../../../src/engine/inspect/weight-facts.ts';
import { runCli } from '../../support/cli.ts';

const scratch = mkdtempSync(join(tmpdir(), 'detoxq-inspect-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const cacheFolder = join(scratch, 'cache');
const inspect = (folder: string, name = folder) =>
  inspectCheckpoint({ name, folder, configFile: join(folder, 'config.json'), cacheFolder });
const bundled = (name: string) => join(packageRoot, 'models', name);

/** A folder with just this config. */
function configFolder(name: string, config: object): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

group('what a checkpoint is', () => {
  it('is read from config, header and tokenizer of the bundled detoxifier', async () => {
    const found = await inspect(bundled('nano-bart'), 'nano-bart');
    expect(found).toMatchObject({
      architecture: 'BartForConditionalGeneration',
      parameters: { total: 6_081_536 },
      weights: {
        format: 'safetensors',
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        check: { missing: [], unexpected: [], mismatched: [], renamed: [] },
      },
      tokenizer: { kind: 'byte-level BPE', vocabulary: 6000, special: { eos_token: '</s>' } },
      use: { roles: ['detoxifier'] },
    });
    // Beside the parameters the file holds one buffer, the bias of the logits.
    const onDisk = Object.values(found.weights?.dtypes ?? {}).reduce((sum, count) => sum + count, 0);
    expect(onDisk).toBe((found.parameters?.total ?? 0) + 6000);
  });

  it.each(bundledNames(packageRoot))('fits its weights: %s', async (name) => {
    const found = await inspect(bundled(name), name);
    expect(found.treeReason).toBeNull();
    expect(found.weights?.check).toMatchObject({ missing: [], unexpected: [], mismatched: [] });
    expect(found.tokenizer.file).toBe('tokenizer.json');
  });

  it('names the labels of the bundled scorer', async () => {
    const found = await inspect(bundled('nano-roberta'), 'nano-roberta');
    expect(found.traits).toMatchObject({ labels: ['neutral', 'toxic'], context: 256, family: 'encoder' });
    expect(found.use.roles).toEqual(['scorer']);
  });

  it('says what each bundled checkpoint is for', async () => {
    const roles = Object.fromEntries(bundledNames(packageRoot).map((name) => [name, rolesOfCheckpoint(bundled(name))]));
    expect(roles).toEqual({
      'nano-bart': ['detoxifier'],
      'nano-bert': ['scorer'],
      'nano-fluency': ['fluency'],
      'nano-gpt2': ['detoxifier'],
      'nano-roberta': ['scorer'],
      'nano-sim': ['similarity'],
      'nano-t5': ['detoxifier'],
    });
  });

  it('is known of a folder with only a config, and of a system that is not on disk', async () => {
    const folder = configFolder('only-config', { architectures: ['GPT2LMHeadModel'], model_type: 'gpt2', n_layer: 3 });
    const found = await inspect(folder);
    expect(found).toMatchObject({
      weights: null,
      use: { roles: [] },
      tokenizer: { kind: 'byte-level BPE', file: null },
    });
    expect(found.tree).toContain('(0-2): 3 x GPT2Block(');

    const file = publishedConfig('bert-base-uncased', packageRoot) ?? '';
    const system = await inspectCheckpoint({ name: 'bert-base-uncased', folder: null, configFile: file, cacheFolder });
    expect(system.parameters?.total).toBe(109_483_778);
    expect(system.notes.join(' ')).toContain('training.finetune --task classify --base bert-base-uncased');
    expect(publishedConfig('../bart', packageRoot)).toBeNull();
  });

  it('says why there is no tree, and what the header says all the same', async () => {
    const folder = join(scratch, 'unknown-class');
    cpSync(bundled('nano-roberta'), folder, { recursive: true });
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ architectures: ['LlamaForCausalLM'] }));
    const found = await inspect(folder);
    expect(found).toMatchObject({ tree: null, parameters: null, weights: { tensors: 41, check: null } });
    expect(found.treeReason).toContain('LlamaForCausalLM');
    expect(found.use.advice[0]?.text).toContain('LlamaForCausalLM');
  });

  it('of weights that do not fit the config names every tensor', async () => {
    const folder = join(scratch, 'misfit');
    cpSync(bundled('nano-roberta'), folder, { recursive: true });
    const config = { architectures: ['RobertaForSequenceClassification'], model_type: 'roberta', vocab_size: 6000 };
    const sizes = { hidden_size: 384, intermediate_size: 1536, num_hidden_layers: 2, num_attention_heads: 12 };
    const wrong = { ...config, ...sizes, max_position_embeddings: 258, type_vocab_size: 1, num_labels: 3 };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(wrong));
    const { weights, use } = await inspect(folder);
    expect(weights?.check?.mismatched).toEqual([
      { name: 'classifier.out_proj.bias', file: '[2]', config: '[3]' },
      { name: 'classifier.out_proj.weight', file: '[2, 384]', config: '[3, 384]' },
    ]);
    expect(use.roles).toEqual([]);
  });
});

group('a header held against the tree', () => {
  const small = { vocab_size: 9, hidden_size: 4, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8 };
  const fields = createFields('config.json', new Map(Object.entries(small)));
  const tensorsOf = (architecture: string) =>
    new Map(
      namedParameters(describe(architecture, fields).tree).map(({ name, shape }) => [name, { dtype: 'F32', shape }]),
    );

  it('takes a headless file, in old spellings, for a model whose head is missing', () => {
    const file = [...tensorsOf('BertForMaskedLM')].map(
      ([name, info]) =>
        [
          name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
          info,
        ] as const,
    );
    const check = checkHeader(
      describe('BertForSequenceClassification', fields),
      new Map([...file, ['bert.embeddings.position_ids', { dtype: 'I64', shape: [1, 512] }]]),
    );
    expect(check.missing).toEqual([
      'bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias',
    ]); // biome-ignore format: a list
    expect(check.unexpected.every((name) => name.startsWith('cls.predictions.'))).toBe(true);
    expect(check.renamed).toContain('bert.embeddings.LayerNorm.gamma');
    expect(check.mismatched).toEqual([]);
  });

  it('finds the tensors of a base model under its prefix and without it', () => {
    const base = tensorsOf('BertModel');
    const prefixed = new Map([...base].map(([name, info]) => [`bert.${name}`, info]));
    for (const file of [base, prefixed]) {
      expect(checkHeader(describe('BertModel', fields), file)).toMatchObject({ missing: [], unexpected: [] });
    }
    const classifier = checkHeader(describe('BertForSequenceClassification', fields), base);
    expect(classifier.missing).toEqual(['classifier.weight', 'classifier.bias']);
  });

  it('asks for one of the names of a shared tensor', () => {
    const t5 = describe('T5ForConditionalGeneration', createFields('config.json', new Map()));
    const all = new Map(namedParameters(t5.tree).map(({ name, shape }) => [name, { dtype: 'F32', shape }]));
    const without = (...names: string[]) =>
      checkHeader(t5, new Map([...all].filter(([name]) => !names.includes(name))));
    expect(without('lm_head.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight').missing).toEqual([]);
    expect(without('shared.weight', 'lm_head.weight', 'encoder.embed_tokens.weight').missing).toEqual([]);
    expect(
      without('shared.weight', 'lm_head.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight').missing,
    ).toEqual(['shared.weight']);
  });
});

group('detoxq models inspect', () => {
  const env = { DETOXQ_HOME: join(scratch, 'home') };

  it('prints tree and facts, or JSON', async () => {
    const text = await runCli(['models', 'inspect', 'nano-roberta'], env);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^RobertaForSequenceClassification\(\n {2}\(roberta\): RobertaModel\(/);
    expect(text.stdout).toMatch(/^parameters +6,101,762$/m);
    const json = await runCli(['models', 'inspect', 't5-paraphrase', '--json'], env);
    expect(JSON.parse(json.stdout)).toMatchObject({ folder: null, parameters: { total: 222_903_552 } });
  });

  it('of an unknown name says what can be named', async () => {
    const { code, stderr } = await runCli(['models', 'inspect', 'no-such-model'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('no-such-model');
  });
});
