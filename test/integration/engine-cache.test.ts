import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { identifyCheckpoint, loadDetoxifier, loadScorer } from '../../src/engine/index.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/checkpoints');
const folder = join(FIXTURES, 'tiny-roberta');
const scratch = mkdtempSync(join(tmpdir(), 'detoxq-cache-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let serial = 0;
let cacheFolder = '';
beforeEach(() => {
  cacheFolder = join(scratch, `cache-${serial++}`);
});

const reference = () => ({ folder, name: 'tiny-roberta', precision: 'int8' as const, cacheFolder });

async function scoreOf(text: string): Promise<readonly number[]> {
  const scorer = await loadScorer(reference());
  const [score] = await scorer.score([text]);
  await scorer.close();
  return score!.logits;
}

const graphs = () => readdirSync(join(cacheFolder, 'graphs'));
const onlyGraph = () => join(cacheFolder, 'graphs', graphs()[0]!);

/** Runs a module in a process of its own; resolves with what it printed. */
function runModule(source: string, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`exit code ${code}`))));
  });
}

const LOAD = JSON.stringify(new URL('../../src/engine/index.ts', import.meta.url).href);
const scoreInProcess = (env: NodeJS.ProcessEnv) =>
  runModule(
    `import { loadScorer } from ${LOAD};
     const scorer = await loadScorer(${JSON.stringify(reference())});
     const [score] = await scorer.score(['the soup is cold']);
     await scorer.close();
     console.log(JSON.stringify(score.logits));`,
    env,
  );

describe('compiled graphs', () => {
  test('are made once and then found', async () => {
    const first = await scoreOf('hello');
    const [name] = graphs();
    const made = statSync(join(onlyGraph(), 'classifier.onnx')).mtimeMs;
    expect(await scoreOf('hello')).toEqual(first);
    expect(graphs()).toEqual([name]);
    expect(statSync(join(onlyGraph(), 'classifier.onnx')).mtimeMs).toBe(made);
  });

  test('of another precision, or with other ends of generation, are others', async () => {
    await scoreOf('hello');
    await (await loadScorer({ ...reference(), precision: 'fp32' })).close();
    expect(graphs()).toHaveLength(2);
    const bart = { folder: join(FIXTURES, 'tiny-bart'), name: 'tiny-bart', precision: 'int8' as const, cacheFolder };
    await (await loadDetoxifier(bart)).close();
    expect(graphs()).toHaveLength(3);
    await (await loadDetoxifier({ ...bart, generation: { eos_token_id: 7 } })).close();
    expect(graphs()).toHaveLength(4);
    await (await loadDetoxifier({ ...bart, generation: { max_new_tokens: 3 } })).close();
    expect(graphs()).toHaveLength(4);
  });

  test.each<[string, (graph: string) => void]>([
    [
      'one bit of the weights is wrong',
      (graph) => {
        const file = join(graph, 'weights.bin');
        const bytes = readFileSync(file);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(file, bytes);
      },
    ],
    [
      'a graph is cut short',
      (graph) => {
        const file = join(graph, 'classifier.onnx');
        writeFileSync(file, readFileSync(file).subarray(0, 100));
      },
    ],
    ['a file is missing', (graph) => rmSync(join(graph, 'weights.bin'))],
    ['the manifest is missing', (graph) => rmSync(join(graph, 'manifest.json'))],
    ['the manifest is empty', (graph) => writeFileSync(join(graph, 'manifest.json'), '')],
    [
      'there is a file instead of a folder',
      (graph) => {
        rmSync(graph, { recursive: true });
        writeFileSync(graph, 'no folder');
      },
    ],
  ])('are made again if %s', async (_, damage) => {
    const expected = await scoreOf('the soup is cold');
    damage(onlyGraph());
    expect(await scoreOf('the soup is cold')).toEqual(expected);
    expect(graphs()).toHaveLength(1);
    expect(existsSync(join(onlyGraph(), 'manifest.json'))).toBe(true);
  });

  test('what a compiler that died left behind is removed, what one at work has is not', async () => {
    const [old, young] = ['tmp-old', 'tmp-young'].map((name) => join(cacheFolder, 'graphs', name)) as [string, string];
    for (const each of [old, young]) mkdirSync(each, { recursive: true });
    utimesSync(old, 0, 0);
    await scoreOf('hello');
    expect(existsSync(old)).toBe(false);
    expect(existsSync(young)).toBe(true);
  });

  test('may be made by several processes at once', async () => {
    const outputs = await Promise.all(Array.from({ length: 4 }, () => scoreInProcess(process.env)));
    expect(new Set(outputs).size).toBe(1);
    expect(JSON.parse(outputs[0]!)).toEqual([...(await scoreOf('the soup is cold'))]);
    expect(graphs()).toHaveLength(1);
  });
});

describe('the identity of a checkpoint', () => {
  const copy = () => {
    const target = join(scratch, `checkpoint-${serial++}`);
    cpSync(folder, target, { recursive: true });
    return target;
  };
  const digestOf = async (at: string) => (await identifyCheckpoint({ ...reference(), folder: at })).digest;

  test('is the same wherever the folder lies, and says what it is', async () => {
    const identity = await identifyCheckpoint(reference());
    expect(identity).toEqual({
      name: 'tiny-roberta',
      architecture: 'RobertaForSequenceClassification',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      precision: 'int8',
    });
    expect(await digestOf(copy())).toBe(identity.digest);
  });

  test.each(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors', 'known_words.txt'])(
    'changes with %s',
    async (file) => {
      const at = copy();
      const before = await digestOf(at);
      const path = join(at, file);
      const bytes = existsSync(path) ? readFileSync(path) : Buffer.from('');
      writeFileSync(
        path,
        file === 'model.safetensors' ? bytes.fill(1, bytes.length - 4) : Buffer.concat([bytes, Buffer.from('\n')]),
      );
      expect(await digestOf(at)).not.toBe(before);
    },
  );

  test('does not change with files that decide nothing', async () => {
    const at = copy();
    const before = await digestOf(at);
    writeFileSync(join(at, 'README.md'), 'a card');
    expect(await digestOf(at)).toBe(before);
  });

  test('reads the weights once, and again where what it remembers is damaged', async () => {
    const at = copy();
    const before = await digestOf(at);
    const [remembered = ''] = readdirSync(join(cacheFolder, 'hashes'));
    const file = join(cacheFolder, 'hashes', remembered);
    const kept = readFileSync(file, 'utf8');
    const other = 'f'.repeat(64);
    writeFileSync(file, `${other} ${createHash('sha256').update(`${remembered} ${other}`).digest('hex')}`);
    expect(await digestOf(at)).not.toBe(before);
    // The last is what an older version kept.
    for (const damaged of ['nonsense', '', other, other + kept.slice(64), kept.slice(0, 64)]) {
      writeFileSync(file, damaged);
      expect(await digestOf(at)).toBe(before);
      expect(readFileSync(file, 'utf8')).toBe(kept);
    }
  });

  test('needs a complete folder, and says what is missing and what to do', async () => {
    const at = copy();
    rmSync(join(at, 'model.safetensors'));
    await expect(digestOf(at)).rejects.toThrow(`${at} has no weights: neither model.safetensors nor pytorch_model.bin`);
    writeFileSync(join(at, 'flax_model.msgpack'), '');
    await expect(digestOf(at)).rejects.toThrow('has its weights only as flax_model.msgpack: load it in transformers');
    rmSync(join(at, 'config.json'));
    await expect(digestOf(at)).rejects.toThrow(`${join(at, 'config.json')} does not exist`);
  });
});

test('a checkpoint of another kind is refused by name', async () => {
  const bart = { ...reference(), folder: join(FIXTURES, 'tiny-bart') };
  await expect(loadScorer(bart)).rejects.toThrow('is a BartForConditionalGeneration; a scorer must be');
  await expect(loadDetoxifier(reference())).rejects.toThrow(
    'is a RobertaForSequenceClassification; a detoxifier must be',
  );
});

test('weights that do not fit config.json are refused by the name of the tensor', async () => {
  const at = join(scratch, 'misfit');
  cpSync(folder, at, { recursive: true });
  const config = JSON.parse(readFileSync(join(at, 'config.json'), 'utf8'));
  writeFileSync(join(at, 'config.json'), JSON.stringify({ ...config, intermediate_size: 95 }));
  const load = loadScorer({ ...reference(), folder: at });
  await expect(load).rejects.toThrow(
    'tensor roberta.encoder.layer.0.intermediate.dense.bias is [96], but config.json makes it [95]',
  );
  expect(graphs()).toEqual([]);
});

test('nothing is written below the home folder, even if the environment does not forbid telemetry', async () => {
  const home = join(scratch, 'home');
  mkdirSync(home);
  await scoreInProcess({ PATH: process.env.PATH, HOME: home });
  expect(readdirSync(home)).toEqual([]);
});
