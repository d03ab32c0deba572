/** What the benchmarks run on, made on first use in bench/.cache: Python with the peers, checkpoints, their conversions. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'bench/.cache');

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
  const checkpoint = (size: Size): string =>
    made(join(CACHE, 'widened', size), () =>
      run(['-m', 'training.widened_checkpoints', '--out', join(CACHE, 'widened'), '--only', size]),
    );
  return {
    python,
    graphs: join(CACHE, 'graphs'),
    checkpoint,
    converted: (form, size) =>
      made(join(CACHE, `${form}-${size}`), (folder) =>
        run([join(import.meta.dirname, 'convert.py'), form, checkpoint(size), folder]),
      ),
  };
}

/** torch alone and first: other packages would pull in a build of their choice. */
function makePython(): string {
  const folder = made(join(CACHE, 'venv'), (venv) => {
    const pip = (...args: string[]): void =>
      say(join(venv, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...args]);
    say('python3', ['-m', 'venv', venv]);
    pip('torch==2.13.0');
    pip('-r', join(import.meta.dirname, 'requirements.txt'));
  });
  return join(folder, 'bin/python');
}

/** A folder that is whole if it is there: what fails half-way is made again. */
function made(folder: string, make: (folder: string) => void): string {
  const mark = `${folder}.unfinished`;
  if (existsSync(folder) && !existsSync(mark)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(mark, { recursive: true });
  make(folder);
  rmSync(mark, { recursive: true });
  return folder;
}

function say(command: string, args: readonly string[]): void {
  console.error(`$ ${[command, ...args].join(' ').replaceAll(ROOT, '.')}`);
  execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
}
