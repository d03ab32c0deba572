/** What the benchmarks run on, made on first use in bench/.cache: Python with the peers, checkpoints, their conversions. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const CONVERT = join(import.meta.dirname, 'convert.py');
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');
const CACHE = join(ROOT, 'bench/.cache');

const BUNDLED = { 'bart-base': 'nano-bart', 't5-base': 'nano-t5', gpt2: 'nano-gpt2', 'roberta-base': 'nano-roberta' };

export type Size = 'bart-base' | 't5-base' | 'gpt2' | 'roberta-base';

export interface Environment {
  readonly python: string;
  /** Compiled graphs of our engine. */
  readonly graphs: string;
  /** Folder of a bundled model at its published size (training/widened_checkpoints.py). */
  checkpoint(size: Size): string;
  /** The same for another engine: `ct2` a folder of CTranslate2, `onnx` one with model.onnx, int8.onnx, int8-fused.onnx. */
  converted(form: 'ct2' | 'onnx', size: Size): string;
}

export function openEnvironment(): Environment {
  const python = process.env.DETOXQ_BENCH_PYTHON ?? makePython();
  const run = (args: readonly string[]): void => say(python, args);
  const sources = (size: Size): string[] => [
    join(ROOT, 'training/widened_checkpoints.py'),
    ...['model.safetensors', 'config.json', 'tokenizer.json'].map((file) => join(ROOT, 'models', BUNDLED[size], file)),
  ];
  const checkpoint = (size: Size): string =>
    made(join(CACHE, 'widened', size), sources(size), () =>
      run(['-m', 'training.widened_checkpoints', '--out', join(CACHE, 'widened'), '--only', size]),
    );
  return {
    python,
    graphs: join(CACHE, 'graphs'),
    checkpoint,
    converted: (form, size) =>
      made(join(CACHE, `${form}-${size}`), [...sources(size), CONVERT], (folder) =>
        run([CONVERT, form, checkpoint(size), folder]),
      ),
  };
}

/** torch alone and first: other packages would pull in a build of their choice. */
function makePython(): string {
  const folder = made(join(CACHE, 'venv'), [REQUIREMENTS], (venv) => {
    const pip = (...args: string[]): void =>
      say(join(venv, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...args]);
    say('python3', ['-m', 'venv', venv]);
    pip('torch==2.13.0');
    pip('-r', REQUIREMENTS);
  });
  return join(folder, 'bin/python');
}

/** A folder made from these files. It is made again when one of them has changed, and when making it failed half-way. */
function made(folder: string, sources: readonly string[], make: (folder: string) => void): string {
  const hash = createHash('sha256');
  for (const file of sources) hash.update(readFileSync(file));
  const digest = hash.digest('hex');
  const stamp = `${folder}.made-from`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return folder;
  rmSync(stamp, { force: true });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  make(folder);
  writeFileSync(stamp, digest);
  return folder;
}

function say(command: string, args: readonly string[]): void {
  console.error(`$ ${[command, ...args].join(' ').replaceAll(ROOT, '.')}`);
  execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
}
