import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { GenerationOverrides } from '../../contract/generation.ts';
import type { Sizes } from '../../contract/machine.ts';
import type { ModelIdentity } from '../../contract/models.ts';
import { encoderModel } from '../architectures/generator.ts';
import { classNames, classOf } from '../architectures/registry.ts';
import { isThere } from '../checkpoint/checkpoint-file.ts';
import { type Fields, readFields } from '../checkpoint/config/fields.ts';
import { type Generation, readGeneration } from '../checkpoint/config/generation.ts';
import { type CheckpointReference, identifyCheckpoint } from '../checkpoint/identity.ts';
import { loadTokenizer, type Tokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { compileCheckpoint } from '../compile/compile.ts';
import { greedyDecoder } from '../compile/greedy-loop.ts';
import { portableSearch } from '../compile/portable-search.ts';
import { searchStep } from '../compile/search-step.ts';
import { sizesInForce } from '../machine/sizes.ts';
import { findTarget, type RunsOn } from '../machine/target.ts';
import { readTuning } from '../machine/tuning.ts';
import { createBatcher, type EncodedRow } from '../runtime/batches.ts';
import type { Decoder } from '../runtime/decoder.ts';
import { createGraphDecoder } from '../runtime/graph-decoder.ts';
import { createGreedySearch, type Generated, type GreedyOptions } from '../runtime/greedy.ts';
import { createPortableGreedySearch } from '../runtime/portable-greedy.ts';
import { openSession, type Session } from '../runtime/session.ts';
import type { StaticScales } from '../runtime/static-scales.ts';
import { createPrompt, findTemplate, type Prompt } from './prompt.ts';

interface GeneratorOptions extends CheckpointReference, RunsOn, StaticScales {
  /** Generation options under their Hugging Face names. They override the checkpoint's options. */
  readonly generation: GenerationOverrides;
  /** Template with `{text}` around the text (default: the checkpoint's own, see `findTemplate`). */
  readonly prompt?: string;
  /** Tokens of a batch of the encoder (default: as tuned on this machine, else by the size of the model). Speed and memory only. */
  readonly maxBatchTokens?: number;
  /** Rows, or hypotheses, decoded together (default: as tuned on this machine, else 128). Speed and memory only. */
  readonly maxRows?: number;
}

/** A compiled checkpoint that generates. Its sessions open on first use. */
export interface LoadedGenerator {
  readonly identity: ModelIdentity;
  /** Folder of the compiled graphs. */
  readonly graphs: string;
  readonly generation: Generation;
  readonly tokenizer: Tokenizer;
  /** Turns texts into rows. */
  readonly prompt: Prompt;
  readonly vocabulary: number;
  /** Longest input in tokens, special tokens included. */
  readonly maxInputTokens: number;
  readonly sizes: Sizes;
  /** Greedy search with the loop inside the graph. `changes`: sizes that a calibration tries. */
  openGreedySearch(changes?: Partial<GreedyOptions>): Promise<(rows: readonly EncodedRow[]) => Promise<Generated[]>>;
  /** Decoder for all other searches, step by step. */
  openDecoder(): Promise<Decoder>;
  /** Frees the sessions. */
  close(): Promise<void>;
}

/** Compiles a checkpoint of any class that generates if the cache has no graphs of it. */
export async function loadGenerator(options: GeneratorOptions): Promise<LoadedGenerator> {
  const { folder, cacheFolder, scales, onScale } = options;
  const identity = await identifyCheckpoint(options);
  const { config, model, generation } = readModel(folder, identity.architecture, options.generation);
  const tokenizer = loadTokenizer(folder, model.vocabulary);
  const prompt = createPrompt(
    findTemplate(options.prompt, config, options.name),
    tokenizer,
    model.decoderOnly ? beginning(config, generation) : null,
  );
  const maxInputTokens = Math.min(model.inputPositions, tokenizer.maxTokens ?? model.defaultWindow, room(generation));
  const end = { endTokens: generation.endTokens, padToken: generation.padToken };
  const target = await findTarget(options);
  const request = { folder, cacheFolder, identity, ...target, measuring: onScale !== undefined, options: end };
  const compiled = await compileCheckpoint(request, (source) => {
    const plan = model.decoder(source);
    if (target.portable) {
      return {
        'encoder.onnx': encoderModel(source, model),
        'search.onnx': portableSearch(source, model.encoder, plan, end),
        'step.onnx': searchStep(source, plan),
      };
    }
    return {
      'encoder.onnx': encoderModel(source, model),
      'decoder.onnx': greedyDecoder(source, plan, end),
      'step.onnx': searchStep(source, plan),
    };
  });
  const tuned = target.portable ? {} : await readTuning(cacheFolder, identity);
  const sizes = sizesInForce(model.size, tuned, options);
  const sessions = new Map<string, Promise<Session>>();
  const open = (name: string): Promise<Session> => {
    const known = sessions.get(name);
    if (known) return known;
    const session = openSession(join(compiled, name), { device: target.device, scales, onScale });
    sessions.set(name, session);
    return session;
  };
  const reading = async () => ({
    encoder: await open('encoder.onnx'),
    shape: model.shape,
    maxBatchTokens: sizes.maxBatchTokens,
  });

  return {
    identity,
    graphs: compiled,
    generation,
    tokenizer,
    prompt,
    vocabulary: model.vocabulary,
    maxInputTokens,
    sizes,
    async openGreedySearch(changes = {}) {
      if (target.portable) {
        const { maxBatchTokens } = options;
        const { padToken } = generation;
        const batchesOf = createBatcher(target, { size: model.size, padToken, window: maxInputTokens, maxBatchTokens });
        return createPortableGreedySearch({ search: await open('search.onnx'), generation, batchesOf });
      }
      return createGreedySearch({
        ...(await reading()),
        decoder: await open('decoder.onnx'),
        generation,
        ...sizes,
        ...changes,
      });
    },
    openDecoder: async () =>
      createGraphDecoder({
        ...(await reading()),
        decoderOnly: model.decoderOnly,
        step: await open('step.onnx'),
      }),
    async close() {
      const opened = [...sessions.values()];
      sessions.clear();
      for (const session of opened) await (await session).close();
    },
  };
}

/**
 * Refuses options that a checkpoint cannot have, before anything is loaded.
 *
 * @throws UsageError about the caller's options, CheckpointError about the checkpoint
 */
export function checkGeneration(folder: string, architecture: string, overrides: GenerationOverrides): void {
  readModel(folder, architecture, overrides);
}

function readModel(folder: string, architecture: string, overrides: GenerationOverrides) {
  const read = classOf(architecture)?.generator;
  if (!read) {
    const known = classNames('generator').join(', ');
    throw new CheckpointError(`${folder} is a ${architecture}; a detoxifier must be one of ${known}`);
  }
  const config = readFields(join(folder, 'config.json'));
  const model = read(config);
  return {
    config,
    model,
    generation: readGeneration(generationFields(folder), config, model.generationDefaults, overrides, model),
  };
}

/** First token if there is no prompt: the start token, as in transformers; without one, the end token of an earlier text. */
function beginning(config: Fields, generation: Generation): number {
  return config.integerOrNull('bos_token_id') ?? generation.endTokens[0] ?? generation.padToken;
}

/** Longest prompt that leaves room for the output. If `max_length` bounds both together, it leaves room for one token. */
function room({ maxLength, maxNewTokens }: Generation): number {
  if (maxLength === null) return Number.POSITIVE_INFINITY;
  return maxLength - maxNewTokens > 1 ? maxLength - maxNewTokens : maxLength - 1;
}

function generationFields(folder: string): Fields | null {
  const file = join(folder, 'generation_config.json');
  return isThere(file) ? readFields(file) : null;
}
