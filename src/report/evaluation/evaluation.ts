import type { ModelIdentity } from '../../contract/models.ts';
import { BOOTSTRAP, bootstrapMeans, bootstrapPValue, type Interval, percentileInterval } from './bootstrap.ts';
import type { JudgeForm, Judges } from './judges.ts';
import { METRICS, type Metric, type Metrics, metricsOf } from './metrics.ts';
import { type EvaluationRow, type RowScores, scoreRows } from './score-rows.ts';

/** A mean over rows, with its bootstrap interval. */
export interface Estimate extends Interval {
  readonly mean: number;
}

/** A mean of differences row by row, this system less the first. */
export interface Difference extends Estimate {
  /** Two-sided, from the same bootstrap draws. */
  readonly p: number;
}

export interface SystemEvaluation {
  readonly name: string;
  readonly metrics: Readonly<Record<Metric, Estimate>>;
  /** Null for the first system, which the others are compared with. */
  readonly differences: Readonly<Record<Metric, Difference>> | null;
  /** Outputs that are their source. */
  readonly copies: number;
  /** Outputs without words, or none: they score 0. */
  readonly blanks: number;
}

interface JudgeReport extends ModelIdentity {
  readonly form: JudgeForm;
  /** Rows of which this judge did not see the end. */
  readonly rowsCut: number;
}

/** What the judges say about systems on the same rows. */
export interface Evaluation {
  readonly judges: Readonly<Record<keyof Judges, JudgeReport>>;
  /** Rows that were judged. */
  readonly rows: number;
  readonly chrfAgainst: 'references' | 'source';
  /** Rows that chrF is the mean of: those that have a reference. */
  readonly chrfRows: number;
  readonly bootstrap: typeof BOOTSTRAP;
  /** In the order in which they were given. */
  readonly systems: readonly SystemEvaluation[];
}

interface EvaluationOptions {
  /** Names of the systems, in the order of the rows' `outputs`. */
  readonly systems: readonly string[];
  readonly judges: Judges;
  /** What chrF compares outputs with. Default: their sources. */
  readonly chrfAgainst?: 'references' | 'source';
  /** Called with the grades of some hundred rows at a time; waited for. */
  readonly onScores?: (rows: readonly RowScores[]) => Promise<void> | void;
}

interface SystemColumns {
  readonly metrics: Readonly<Record<Metric, NumberColumn>>;
  copies: number;
  blanks: number;
}

/**
 * Judges rows of one or several systems by the protocol of ParaDetox (ACL 2022): means over rows with 95 % bootstrap
 * intervals, and for every system after the first its paired difference from the first. Keeps the numbers of a row
 * (32 bytes per system), not its texts.
 */
export async function evaluateRows(
  rows: AsyncIterable<EvaluationRow>,
  { systems, judges, chrfAgainst = 'source', onScores }: EvaluationOptions,
): Promise<Evaluation> {
  const collected = systems.map((): SystemColumns => ({ metrics: everyMetric(createColumn), copies: 0, blanks: 0 }));
  const cut = { sta: 0, sim: 0, fl: 0 };
  let count = 0;
  for await (const scored of scoreRows(rows, judges, chrfAgainst)) {
    for (const row of scored) {
      count++;
      for (const judge of row.cutFor) cut[judge]++;
      row.outputs.forEach((scores, at) => {
        const system = collected[at];
        if (system === undefined) return;
        const values: Metrics = metricsOf(scores);
        for (const metric of METRICS) system.metrics[metric].push(values[metric]);
        if (scores.isCopy) system.copies++;
        if (scores.isBlank) system.blanks++;
      });
    }
    await onScores?.(scored);
  }
  const estimates = estimate(collected.map(({ metrics }) => metrics));
  const report = (judge: keyof Judges): JudgeReport => {
    const { identity, form } = judges[judge];
    return { ...identity, form, rowsCut: cut[judge] };
  };
  return {
    judges: { sta: report('sta'), sim: report('sim'), fl: report('fl') },
    rows: count,
    chrfAgainst,
    chrfRows: collected[0] === undefined ? 0 : withoutGaps(collected[0].metrics.chrf.values()).length,
    bootstrap: BOOTSTRAP,
    systems: systems.map((name, at) => ({
      name,
      metrics: everyMetric((metric) => {
        const { mean, low, high } = estimates(metric, at);
        return { mean, low, high };
      }),
      differences: at === 0 ? null : everyMetric((metric) => difference(estimates, metric, at)),
      copies: collected[at]?.copies ?? 0,
      blanks: collected[at]?.blanks ?? 0,
    })),
  };
}

/** A mean and its draws, of a metric of a system. */
type Estimates = (metric: Metric, system: number) => Estimate & { readonly draws: Float64Array };

/** Two resamplings: rows without a reference have no chrF, so it may be the mean of fewer rows. */
function estimate(systems: readonly Readonly<Record<Metric, NumberColumn>>[]): Estimates {
  const known = new Map<string, Estimate & { readonly draws: Float64Array }>();
  const judged = METRICS.filter((metric) => metric !== 'chrf');
  for (const metrics of [judged, ['chrf'] as const]) {
    const places = systems.flatMap((_, system) => metrics.map((metric) => ({ system, metric })));
    const columns = places.map(({ system, metric }) =>
      withoutGaps(systems[system]?.[metric].values() ?? new Float32Array()),
    );
    bootstrapMeans(columns).forEach((draws, at) => {
      const place = places[at];
      const column = columns[at];
      if (place === undefined || column === undefined) return;
      const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
      known.set(`${place.metric} ${place.system}`, { mean, ...percentileInterval(draws), draws });
    });
  }
  return (metric, system) => {
    const found = known.get(`${metric} ${system}`);
    if (found === undefined) throw new RangeError(`no system ${system}`);
    return found;
  };
}

function difference(estimates: Estimates, metric: Metric, at: number): Difference {
  const { draws, mean } = estimates(metric, at);
  const first = estimates(metric, 0);
  const differences = draws.map((value, draw) => value - (first.draws[draw] ?? Number.NaN));
  return { mean: mean - first.mean, ...percentileInterval(differences), p: bootstrapPValue(differences) };
}

function withoutGaps(column: Float32Array): Float32Array {
  return column.some(Number.isNaN) ? column.filter((value) => !Number.isNaN(value)) : column;
}

function everyMetric<T>(of: (metric: Metric) => T): Record<Metric, T> {
  return {
    sta: of('sta'),
    sim: of('sim'),
    fl: of('fl'),
    j: of('j'),
    softSta: of('softSta'),
    softFl: of('softFl'),
    softJ: of('softJ'),
    chrf: of('chrf'),
  };
}

/** Numbers in order, as many as come, four bytes each. */
interface NumberColumn {
  push(value: number): void;
  values(): Float32Array;
}

const FIRST_SIZE = 1024;

function createColumn(): NumberColumn {
  let space = new Float32Array(FIRST_SIZE);
  let length = 0;
  return {
    push(value) {
      if (length === space.length) {
        const larger = new Float32Array(2 * length);
        larger.set(space);
        space = larger;
      }
      space[length++] = value;
    },
    values: () => space.subarray(0, length),
  };
}
