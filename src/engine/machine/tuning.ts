import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import { fileFault, homeAdvice } from '../../contract/file-errors.ts';
import type { Processor, RuntimeFacts, Sizes, TunedSize, TunedSizes } from '../../contract/machine.ts';
import type { ModelIdentity } from '../../contract/models.ts';
import { writeFileAtomically } from '../../util/atomic-file.ts';
import { COMPILER_VERSION } from '../compile/cache.ts';
import { runtimeFacts } from '../runtime/session.ts';
import { readProcessor } from './processor.ts';

const FOLDER = 'tuning';
/** The name in detoxq 0.1 for the tokens of a batch. */
const FIRST_NAME = '"maxRunTokens"';

/** Everything that decides how fast the same graph runs. Sizes are valid for it alone. */
interface Machine {
  readonly processor: string;
  readonly instructionSets: Processor['instructionSets'];
  readonly runtime: RuntimeFacts['version'];
  readonly compiler: number;
}

interface Entry {
  readonly machine: Machine;
  readonly tunedAt: string;
  readonly sizes: TunedSizes;
  readonly measured: readonly TunedSize[];
}

/** Valid range of a size. A file from a later version, or one written by hand, must not stop a run. */
const LIMITS: Readonly<Record<keyof Sizes, (value: number) => boolean>> = {
  maxBatchTokens: (value) => isCount(value, 1 << 16),
  maxRows: (value) => isCount(value, 1 << 12),
  stepsPerCall: (value) => isCount(value, 1 << 10),
  keepGoingAbove: (value) => value >= 0 && value < 1,
  maxHypotheses: (value) => isCount(value, 1 << 12),
};

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

/**
 * Sizes that a calibration chose for a checkpoint on a machine of this kind; empty without a calibration. They are beside the
 * compiled graphs, not among them: the key of a graph is what decides a result, and sizes do not.
 */
export async function readTuning(cacheFolder: string, identity: ModelIdentity): Promise<TunedSizes> {
  const entries = await readEntries(fileOf(cacheFolder, identity));
  if (entries.length === 0) return {};
  const here = JSON.stringify(await thisMachine());
  return entries.find(({ machine }) => JSON.stringify(machine) === here)?.sizes ?? {};
}

/** Entries of other machines stay, because machines may share a cache. */
export async function writeTuning(
  cacheFolder: string,
  identity: ModelIdentity,
  measured: readonly TunedSize[],
): Promise<TunedSizes> {
  const file = fileOf(cacheFolder, identity);
  const machine = await thisMachine();
  const others = (await readEntries(file)).filter((entry) => JSON.stringify(entry.machine) !== JSON.stringify(machine));
  const sizes = Object.fromEntries(measured.map(({ size, chosen }) => [size, chosen]));
  const entry: Entry = { machine, tunedAt: new Date().toISOString(), sizes, measured };
  await writeFileAtomically(file, JSON.stringify({ entries: [...others, entry] }, null, 1)).catch((cause: unknown) => {
    throw new CheckpointError(`${file} cannot be written: ${fileFault(cause, cacheFolder)}. ${homeAdvice(cause)}`, {
      cause,
    });
  });
  return sizes;
}

/** Whether this cache has results of any calibration. */
export function hasTunings(cacheFolder: string): boolean {
  return existsSync(join(cacheFolder, FOLDER));
}

function fileOf(cacheFolder: string, { digest, precision }: ModelIdentity): string {
  // Products, and so the sizes that suit them, are the same with static scales.
  const measuredIn = precision === 'int8-static' ? 'int8' : precision;
  return join(cacheFolder, FOLDER, `${digest.slice(0, 40)}-${measuredIn}.json`);
}

async function thisMachine(): Promise<Machine> {
  const { model, instructionSets } = readProcessor();
  const { version } = await runtimeFacts();
  return { processor: model, instructionSets, runtime: version, compiler: COMPILER_VERSION };
}

async function readEntries(file: string): Promise<Entry[]> {
  try {
    const text = (await readFile(file, 'utf8')).replaceAll(FIRST_NAME, '"maxBatchTokens"');
    const { entries } = JSON.parse(text) as { entries: Entry[] };
    return entries.filter(({ sizes }) =>
      Object.entries(sizes).every(
        ([name, value]) =>
          typeof value === 'number' && Object.hasOwn(LIMITS, name) && LIMITS[name as keyof Sizes](value),
      ),
    );
  } catch {
    return [];
  }
}
