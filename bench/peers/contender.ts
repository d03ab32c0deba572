/** One side of a comparison: an engine at its best settings, in a process on each of its cores. */
import { type Command, type EngineProcess, type Outputs, type Settings, startProcess } from './process.ts';

export interface Contender {
  readonly name: string;
  /** Ways to start it, of which the fastest is taken. */
  readonly variants: readonly Variant[];
  /** Ways to batch, of which the fastest is taken. */
  readonly settings: readonly Settings[];
  /** A process on each, which share the rows (default: one process, on the first core of the benchmark). */
  readonly cores?: readonly string[];
}

export interface Variant extends Command {
  /** What sets it apart: `default`, `CT2_USE_MKL=1`. */
  readonly label: string;
}

export interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of all its processes together. */
  readonly peakMb: number;
  readonly outputs: Outputs;
}

export interface OpenContender {
  readonly name: string;
  readonly variant: string;
  readonly settings: Settings;
  readonly versions: Readonly<Record<string, string>>;
  run(texts: readonly string[]): Promise<Timed>;
  close(): Promise<void>;
}

const WARM_UP_ROWS = 8;
/** A variant whose warm-up takes so many times what the best one takes for as many rows is not tried any further. */
const HOPELESS = 6;

/** Starts a contender, the fastest of its variants and settings on `sample`. */
export async function openContender(
  contender: Contender,
  cores: readonly string[],
  sample: readonly string[],
): Promise<OpenContender> {
  let best: { seconds: number; settings: Settings; variant: Variant; processes: readonly EngineProcess[] } | undefined;
  for (const variant of contender.variants) {
    const own = contender.cores ?? cores.slice(0, 1);
    const processes = await Promise.all(own.map((core) => startProcess(variant, core)));
    const fastest = await fastestSettings(contender, variant, processes, sample, best?.seconds ?? Infinity);
    const loser = best && best.seconds <= fastest.seconds ? processes : (best?.processes ?? []);
    if (loser !== processes) best = { ...fastest, variant, processes };
    await closeAll(loser);
  }
  if (!best) throw new Error(`${contender.name} has no variants`);
  const { variant, settings, processes } = best;
  return {
    ...{ name: contender.name, variant: variant.label, settings },
    versions: processes[0]?.versions ?? {},
    run: (texts) => runTogether(processes, texts, settings),
    close: () => closeAll(processes),
  };
}

async function fastestSettings(
  contender: Contender,
  variant: Variant,
  processes: readonly EngineProcess[],
  sample: readonly string[],
  secondsToBeat: number,
): Promise<{ seconds: number; settings: Settings }> {
  let best: { seconds: number; settings: Settings } = { seconds: Number.POSITIVE_INFINITY, settings: {} };
  const [only] = contender.settings;
  const warmUp = sample.slice(0, WARM_UP_ROWS * processes.length);
  if (only && contender.settings.length === 1 && contender.variants.length === 1) {
    // Those with settings to choose from see the sample more than once: their memory is there before the first round.
    if (sample.length > 0) await runTogether(processes, sample, only);
    return { seconds: 0, settings: only };
  }
  for (const settings of contender.settings) {
    const warmedUp = await runTogether(processes, warmUp, settings);
    if (warmedUp.cpuSeconds / warmUp.length > (HOPELESS * secondsToBeat) / sample.length) {
      console.error(`  ${contender.name}, ${variant.label}: too slow to go on with`);
      break;
    }
    const { cpuSeconds: seconds } = await runTogether(processes, sample, settings);
    const rate = (sample.length / seconds).toFixed(1);
    console.error(`  ${contender.name}, ${variant.label}, ${JSON.stringify(settings)}: ${rate} rows/s`);
    if (seconds < best.seconds) best = { seconds, settings };
  }
  return best;
}

/** Rows are dealt out one by one. Where processes share them, the wall clock counts. */
async function runTogether(
  processes: readonly EngineProcess[],
  texts: readonly string[],
  settings: Settings,
): Promise<Timed> {
  const count = processes.length;
  const startMs = performance.now();
  const runs = await Promise.all(
    processes.map((engine, p) => engine.run(count === 1 ? texts : texts.filter((_, i) => i % count === p), settings)),
  );
  const wallSeconds = (performance.now() - startMs) / 1000;
  return {
    seconds: count === 1 ? (runs[0]?.seconds ?? 0) : wallSeconds,
    cpuSeconds: runs.reduce((sum, run) => sum + run.cpuSeconds, 0),
    peakMb: runs.reduce((sum, run) => sum + run.peakMb, 0),
    outputs: texts.map((_, i) => runs[i % count]?.outputs[Math.floor(i / count)] ?? []),
  };
}

async function closeAll(processes: readonly EngineProcess[]): Promise<void> {
  await Promise.all(processes.map((engine) => engine.close()));
}
