import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, describe as group, it } from 'vitest';
import { printedActivation } from '../../../src/engine/architectures/config-fields.ts';
import { PRINTED_BY } from '../../../src/engine/architectures/description.ts';
import { namedParameters, printModule, pythonFloat } from '../../../src/engine/architectures/module.ts';
import { classNames, describe } from '../../../src/engine/architectures/registry.ts';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';

/** What training/module_trees.py recorded of transformers. */
interface Recorded {
  readonly transformers: string;
  readonly torch: string;
  readonly config: Record<string, unknown> & { readonly architectures: readonly [string] };
  readonly parameters: number;
  readonly tensors: Record<string, number[]>;
}

const folder = join(import.meta.dirname, '../../fixtures/module-trees');
const cases = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const recorded = (name: string): Recorded => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const fieldsOf = (config: object) => createFields('config.json', new Map(Object.entries(config)));

group('module trees', () => {
  it('cover every class and the five systems', () => {
    const classes = new Set(cases.map((file) => recorded(file.replace('.txt', '.json')).config.architectures[0]));
    expect([...classes].sort()).toEqual(classNames('modules').sort());
    for (const system of ['bart-base-detox', 't5-paraphrase', 'gpt2', 'bert-base-uncased', 'roberta-toxicity']) {
      expect(cases).toContain(`${system}.txt`);
    }
  });

  it.each(cases)('%s: print, tensors and number of parameters are those of transformers', (file) => {
    const { config, parameters, tensors, transformers, torch } = recorded(file.replace('.txt', '.json'));
    const { tree, shared, buffers } = describe(config.architectures[0], fieldsOf(config));

    expect(`${printModule(tree)}\n`).toBe(readFileSync(join(folder, file), 'utf8'));
    expect(PRINTED_BY).toBe(`transformers ${transformers}, torch ${torch}`);

    const named = namedParameters(tree);
    const shapes = Object.fromEntries([...named.map(({ name, shape }) => [name, shape]), ...buffers]);
    expect(shapes).toEqual(tensors);
    const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
    const own = named.filter(({ name }) => !shared.has(name));
    expect(own.reduce((sum, { shape }) => sum + count(shape), 0)).toBe(parameters);
    for (const [name, same] of shared) {
      expect(tensors[name]).toEqual(tensors[same]);
      expect(shared.has(same)).toBe(false);
    }
  });

  it('print activations as transformers does', () => {
    const printed = JSON.parse(readFileSync(join(folder, 'activations.json'), 'utf8'));
    const ours = Object.keys(printed).map((name) => [
      name,
      printModule(printedActivation(fieldsOf({}), 'hidden_act', name)),
    ]);
    expect(Object.fromEntries(ours)).toEqual(printed);
  });

  it('say which class, flag or activation is not known', () => {
    expect(() => describe('LlamaForCausalLM', fieldsOf({}))).toThrow(
      /LlamaForCausalLM is not a class.*GPT2LMHeadModel/,
    );
    expect(() => describe('GPT2LMHeadModel', fieldsOf({ add_cross_attention: true }))).toThrow(/add_cross_attention/);
    for (const [name, field] of [
      ['GPT2LMHeadModel', 'n_layer'],
      ['T5ForConditionalGeneration', 'num_decoder_layers'],
    ] as const) {
      expect(() => describe(name, fieldsOf({ [field]: 1e9 }))).toThrow(new RegExp(`${field} is 1000000000`));
    }
    expect(() => describe('BertModel', fieldsOf({ hidden_act: 'constructor' }))).toThrow(/hidden_act "constructor"/);
  });

  it('write floats as Python does', () => {
    expect([0, 0.1, 1, 1e-5, 1e-12, 0.0001, 1.5e-7, 12345.5, 1e16].map(pythonFloat)).toEqual([
      '0.0', '0.1', '1.0', '1e-05', '1e-12', '0.0001', '1.5e-07', '12345.5', '1e+16',
    ]); // biome-ignore format: a list
  });
});
