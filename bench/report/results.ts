/** The files of docs/benchmarks/, by the machine that they were taken on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Precision } from '../../src/contract/models.ts';
import { RESULTS, type Result } from '../peers/compare.ts';
import type { Machine } from '../peers/machine.ts';

/** How a result was taken. */
export interface Taken {
  readonly machine: Machine;
  readonly commit: string;
  readonly takenAt: string;
  /** Before and after, where time was measured. */
  readonly loadAverage?: readonly [number, number];
}

/** bench/job.ts */
export interface JobResult extends Taken {
  readonly title: string;
  readonly cores: readonly string[];
  readonly rows: { readonly count: number; readonly source: string };
  /** With and without a prefilter, and the script that they are compared with. */
  readonly sides: readonly JobSide[];
}

export interface JobSide {
  readonly name: string;
  /** Null: the script. */
  readonly goal: number | null;
  readonly rowsPerSecond: readonly number[];
  readonly cpuMsPerRow: readonly number[];
  readonly peakMb: number;
  readonly ratios: readonly number[];
  readonly cpuRatios: readonly number[];
  readonly equalOutcomes: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** bench/scale.ts */
export interface ScaleResult extends Taken {
  readonly cores: readonly string[];
  readonly starts: readonly {
    readonly name: string;
    readonly firstClaimSeconds: number;
    readonly firstResultSeconds: number;
  }[];
  readonly sizes: readonly ScaleSize[];
  /** A corpus in which each text stands so many times (missing where it was not taken). */
  readonly repeated?: ScaleSize & { readonly times: number };
}

export interface ScaleSize {
  readonly rows: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  readonly firstResultSeconds: number;
  readonly peakMb: number;
}

/** bench/precision.ts */
export interface PrecisionResult extends Taken {
  readonly scorers: readonly {
    readonly name: string;
    readonly rows: number;
    readonly forms: readonly {
      readonly precision: Precision;
      readonly equalLabels: number;
      readonly meanDistance: number;
      readonly largestDistance: number;
    }[];
  }[];
  readonly detoxifiers: readonly {
    readonly name: string;
    readonly rows: number;
    /** Of fp32, with which all are compared. */
    readonly j: Estimate;
    readonly forms: readonly {
      readonly precision: Precision;
      readonly equalOutputs: number;
      readonly j: Estimate;
      readonly difference: Estimate;
    }[];
  }[];
}

interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** bench/precision-speed.ts */
export interface PrecisionSpeedResult extends Taken {
  readonly works: readonly {
    readonly title: string;
    readonly rows: number;
    readonly rowsInATurn: number;
    readonly forms: readonly {
      readonly precision: Precision;
      /** Processor time of int8 to that of this one: the median of a process's turns, one per process. */
      readonly ratios: readonly number[];
      /** Rows with the tokens, or the label, of int8. */
      readonly equal: number;
    }[];
  }[];
}

/** bench/profile.ts */
export interface ProfileResult extends Taken {
  readonly profiles: readonly Profile[];
}

export interface Profile {
  readonly title: string;
  readonly rows: number;
  /** Of all kernels. */
  readonly seconds: number;
  /** Of the int8 matrix products among them, and their multiply-adds, in units of 1e9. */
  readonly productSeconds: number;
  readonly products: number;
  /** Seconds by operator, largest first. */
  readonly operators: Readonly<Record<string, number>>;
}

/** bench/way.ts */
export interface WayResult extends Taken {
  readonly name: 'way';
  readonly kind: 'way';
  readonly title: string;
  readonly rows: number;
  /** Engine processes. */
  readonly processes: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  /** Until all of them were in ledger and queue. */
  readonly rowsEnqueuedPerSecond: number;
  readonly cpuMicrosPerRow: {
    readonly producerQueueWorker: number;
    readonly engines: number;
    readonly postgres: number;
    readonly redis: number;
  };
  /** What Postgres wrote to its log. */
  readonly walBytesPerRow: number;
  /** Of the process of producer, queue and worker. */
  readonly peakMb: number;
}

export interface MachineResults {
  readonly machine: Machine;
  readonly comparisons: readonly Result[];
  readonly job: JobResult | undefined;
  readonly scale: ScaleResult | undefined;
  readonly way: WayResult | undefined;
  readonly precisionSpeed: PrecisionSpeedResult | undefined;
  readonly precision: PrecisionResult | undefined;
  readonly profile: ProfileResult | undefined;
}

const COMPARISONS = [
  ...['bart-greedy', 'bart-greedy-static', 'bart-beam', 'bart-beam-static'],
  ...['bart-beam-plain', 'bart-beam-plain-static', 't5-greedy', 't5-greedy-static'],
  ...['gpt2-20', 'gpt2-20-static', 'bart-greedy-transformers', 'scorer', 'scorer-static'],
  ...['scorer-long', 'bart-long', 'processes', 'processes-unbound'],
];

/** Files are named NAME.KIND.json. */
export function readResults(): MachineResults[] {
  const files = readdirSync(RESULTS)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ name: file.split('.')[0], result: JSON.parse(readFileSync(join(RESULTS, file), 'utf8')) }));
  const machines = new Map<string, Machine>(files.map(({ result: { machine } }) => [machine.kind, machine]));
  return [...machines.values()].map((machine) => {
    const read = <T extends Taken>(wanted: string): T | undefined =>
      files.find(({ name, result }) => name === wanted && result.machine.kind === machine.kind)?.result;
    return {
      machine,
      comparisons: COMPARISONS.flatMap((name) => read<Result>(name) ?? []),
      job: read<JobResult>('job'),
      scale: read<ScaleResult>('scale'),
      way: read<WayResult>('way'),
      precisionSpeed: read<PrecisionSpeedResult>('precision-speed'),
      precision: read<PrecisionResult>('precision'),
      profile: read<ProfileResult>('profile'),
    };
  });
}
