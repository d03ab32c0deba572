/** The contenders: our engine, and the peers as someone who knows them would run them. */
import { join } from 'node:path';
import type { Device } from '../../src/contract/device.ts';
import type { GenerationOverrides } from '../../src/contract/generation.ts';
import type { Rows } from './compare.ts';
import type { Contender, Variant } from './contender.ts';
import type { Environment, Size } from './environment.ts';
import { readMachine } from './machine.ts';
import type { Command, Settings } from './process.ts';

/** Longest input in tokens, and the prompt, of each checkpoint. */
const READS: Record<Size, { maxTokens: number; prompt: string }> = {
  'bart-base': { maxTokens: 1024, prompt: '{text}' },
  't5-base': { maxTokens: 512, prompt: 'paraphrase: {text}' },
  gpt2: { maxTokens: 1024, prompt: '{text} =>' },
  'roberta-base': { maxTokens: 512, prompt: '{text}' },
};

/** Rows that scales of int8-static are measured on, as in src/app/calibrate-scales.ts. */
export const MEASURED_ROWS = 64;

/** CTranslate2's own ways to batch: the best were among these in every trial. */
const CT2_BATCHES: readonly Settings[] = [
  { batch_type: 'examples', max_batch_size: 64 },
  { batch_type: 'examples', max_batch_size: 128 },
  { batch_type: 'tokens', max_batch_size: 1024 },
  { batch_type: 'tokens', max_batch_size: 2048 },
];
const PADDED_TOKENS: readonly Settings[] = [128, 256, 512, 1024, 2048].map((padded_tokens) => ({ padded_tokens }));

/** @param device a GPU, in fp16; else the CPU in int8 */
export function ours(
  environment: Environment,
  size: Size,
  generation?: GenerationOverrides,
  device?: Device,
): Contender {
  const precision = device ? 'fp16' : 'int8';
  const load = {
    engine: generation ? 'detoxifier' : 'scorer',
    folder: environment.checkpoint(size),
    ...{ name: size, precision, device, cacheFolder: environment.graphs },
    // Rows that reach the limit end there, with no token that is put in afterwards: not every peer can.
    ...(generation && { generation: { ...generation, forced_eos_token_id: null } }),
  };
  const command = { command: process.execPath, args: [join(import.meta.dirname, 'ours.ts')], load };
  return { name: `detoxq ${precision}`, variants: [{ ...command, label: 'default' }], settings: [{}] };
}

/** Ours in int8-static, its scales measured on some of the rows, as a run does it. */
export function oursStatic(
  environment: Environment,
  size: Size,
  { texts }: Rows,
  generation?: GenerationOverrides,
): Contender {
  const { variants, settings } = ours(environment, size, generation);
  const step = Math.max(1, Math.floor(texts.length / MEASURED_ROWS));
  const measureOn = texts.filter((_, at) => at % step === 0).slice(0, MEASURED_ROWS);
  return {
    name: 'detoxq int8-static',
    variants: variants.map((variant) => ({
      ...variant,
      load: { ...variant.load, precision: 'int8-static', measureOn },
    })),
    settings,
  };
}

/**
 * It takes MKL on Intel's processors and oneDNN on others; on Intel's both are tried. On AMD EPYC (Zen 3) MKL's int8 was
 * more than twelve times slower. On a CPU `int8` is `int8_float32`.
 */
function ct2(environment: Environment, load: Command['load']): Variant[] {
  const variant = { ...python(environment, load), label: 'default' };
  if (!readMachine().cpu.includes('Intel')) return [variant];
  return [variant, { ...variant, label: 'CT2_USE_MKL=0', environment: { CT2_USE_MKL: '0' } }];
}

export function ct2Generator(environment: Environment, size: Size, generation: GenerationOverrides): Contender {
  const load = {
    engine: size === 'gpt2' ? 'ct2-generator' : 'ct2-translator',
    checkpoint: environment.checkpoint(size),
    model: environment.converted('ct2', size),
    max_tokens: READS[size].maxTokens,
    prompt: READS[size].prompt,
    generation,
  };
  const equalLengths = CT2_BATCHES.slice(0, 2).map((settings) => ({ ...settings, equal_lengths: true }));
  return {
    name: 'CTranslate2 int8',
    variants: ct2(environment, load),
    settings: size === 'gpt2' ? [...CT2_BATCHES, ...equalLengths] : CT2_BATCHES,
  };
}

export function ct2Classifier(environment: Environment, size: Size): Contender {
  const load = {
    engine: 'ct2-classifier',
    checkpoint: environment.checkpoint(size),
    model: environment.converted('ct2', size),
    max_tokens: READS[size].maxTokens,
  };
  return { name: 'CTranslate2 int8', variants: ct2(environment, load), settings: PADDED_TOKENS };
}

/** The peers' best on a GPU: CTranslate2 in float16, and transformers in float16 with 64 rows of about equal length. */
export function cudaGenerators(environment: Environment, size: Size, generation: GenerationOverrides): Contender[] {
  const [device, name] = ['cuda', 'float16'];
  const translator = ct2Generator(environment, size, generation);
  const transformers = transformersGenerator(environment, size, generation, { batch: 64, sorted: true });
  const there = ({ variants }: Contender) =>
    variants.slice(0, 1).map((variant) => ({ ...variant, load: { ...variant.load, device } }));
  const batches = [4096, 16_384].map((max_batch_size) => ({ batch_type: 'tokens', max_batch_size }));
  return [
    { ...translator, name: `CTranslate2 ${name}`, variants: there(translator), settings: batches },
    { ...transformers, name: `transformers ${name}`, variants: there(transformers) },
  ];
}

/** fp32; 32 rows as they come is what a first script does. */
export function transformersGenerator(
  environment: Environment,
  size: Size,
  generation: GenerationOverrides,
  settings: Settings = { batch: 32, sorted: false },
): Contender {
  const load = {
    engine: 'transformers-generator',
    checkpoint: environment.checkpoint(size),
    max_tokens: READS[size].maxTokens,
    prompt: READS[size].prompt,
    generation,
  };
  return {
    name: 'transformers fp32',
    variants: [{ ...python(environment, load), label: 'default' }],
    settings: [settings],
  };
}

export function transformersClassifier(environment: Environment, size: Size, precision: 'fp32' | 'int8'): Contender {
  const load = {
    engine: 'transformers-classifier',
    checkpoint: environment.checkpoint(size),
    max_tokens: READS[size].maxTokens,
    int8: precision === 'int8',
  };
  return {
    name: precision === 'int8' ? 'torch dynamic int8' : 'transformers fp32',
    variants: [{ ...python(environment, load), label: 'default' }],
    settings: precision === 'int8' ? PADDED_TOKENS : PADDED_TOKENS.slice(3, 4),
  };
}

export function onnxruntimeClassifier(environment: Environment, size: Size): Contender {
  const folder = environment.converted('onnx', size);
  const checkpoint = environment.checkpoint(size);
  return {
    name: 'onnxruntime dynamic int8',
    variants: ['int8', 'int8-fused'].map((graph) => ({
      ...python(environment, {
        ...{ engine: 'onnxruntime-classifier', checkpoint, model: join(folder, `${graph}.onnx`) },
        max_tokens: READS[size].maxTokens,
      }),
      label: graph,
    })),
    settings: PADDED_TOKENS,
  };
}

function python(environment: Environment, load: Command['load']): Command {
  return { command: environment.python, args: [join(import.meta.dirname, 'peer.py')], load };
}
