import type { Bars, Block, Section } from '../document/document.ts';
import { METRIC_NAMES } from '../evaluation/metrics.ts';
import { type Comparison, type MeasuredDetoxifier, QUALITY, type Speed } from './comparison.ts';
import { NONE } from './structure.ts';
import { count, decimals, number, percent, plainBars } from './words.ts';

/** What the detoxifiers did, and what the judges say of it; null where none ran. */
export function rewriting({ detoxifiers, judged }: Comparison): Section | null {
  const [first] = detoxifiers;
  if (first === undefined) return null;
  const scorer = first.run.models.scorer;
  const blocks: Block[] = [
    {
      kind: 'text',
      text: `Each in an ordinary run with the scorer ${scorer.name} (${scorer.precision}), toxic from ${first.run.threshold} on. Toxicity is that scorer's mean over the rewritten rows. rows/s is the whole run: scoring, rewriting, scoring again, writing. Peak memory is that of an engine process with both models.${standIns(detoxifiers)}`,
    },
    {
      kind: 'table',
      columns: [
        'detoxifier',
        'run',
        'rows/s',
        'ms a rewrite',
        'peak memory',
        ...Object.keys(first.run.outcomes),
        'errors',
        'toxicity before',
        'after',
      ],
      rows: detoxifiers.map((detoxifier) => [
        detoxifier.checkpoint,
        detoxifier.run.run,
        ...speed(detoxifier, detoxifier.msPerRewrite),
        ...Object.values(detoxifier.run.outcomes).map(count),
        count(detoxifier.run.rowErrors),
        number(detoxifier.run.toxicityBefore, 3),
        number(detoxifier.run.toxicityAfter, 3),
      ]),
    },
  ];
  if (judged !== null) blocks.push(...quality(detoxifiers, judged));
  blocks.push(
    plainBars(
      'Rows a second, whole run',
      detoxifiers.map((system) => [system.checkpoint, system.run.rowsPerSecond ?? 0]),
      decimals(0),
    ),
    {
      kind: 'bars',
      title: 'Mean toxicity of the rewritten rows',
      format: decimals(3),
      bars: detoxifiers.flatMap(({ checkpoint, run }) =>
        run.toxicityBefore === null || run.toxicityAfter === null
          ? []
          : [
              { label: `${checkpoint}, before`, pieces: [{ name: 'toxicity', value: run.toxicityBefore }] },
              { label: 'after', pieces: [{ name: 'toxicity', value: run.toxicityAfter }] },
            ],
      ),
    },
    {
      kind: 'bars',
      title: 'Outcomes of all rows',
      format: decimals(0),
      bars: detoxifiers.map((system) => ({
        label: system.checkpoint,
        pieces: Object.entries(system.run.outcomes).map(([name, value]) => ({ name, value })),
      })),
    },
  );
  return { heading: 'Rewriting', blocks };
}

function quality(detoxifiers: readonly MeasuredDetoxifier[], judged: NonNullable<Comparison['judged']>): Block[] {
  const { sta, sim, fl } = judged.judges;
  const flattered = detoxifiers.some(({ run }) => run.models.scorer.digest === sta.digest)
    ? ' The judge of STA is the scorer of these runs, too: it has chosen what it grades.'
    : '';
  const graded = detoxifiers.filter((system) => system.quality !== null);
  const rows = graded.map((system) => [
    system.checkpoint,
    ...QUALITY.map((metric) => {
      const value = system.quality?.[metric];
      return value === undefined
        ? NONE
        : `${value.mean.toFixed(3)} [${value.low.toFixed(3)}, ${value.high.toFixed(3)}]`;
    }),
  ]);
  return [
    {
      kind: 'text',
      text: `Judged on the ${count(judged.rows)} rows that some run found toxic, with 95 % bootstrap intervals. STA: share that ${sta.name} calls neutral; SIM: cosine by ${sim.name}; FL: share that ${fl.name} calls acceptable; J: mean of their products, row by row. A row that a system left as it was counts as a copy.${flattered}`,
    },
    { kind: 'table', columns: ['detoxifier', ...QUALITY.map((metric) => METRIC_NAMES[metric])], rows },
    ...QUALITY.map(
      (metric): Bars => ({
        kind: 'bars',
        title: METRIC_NAMES[metric],
        format: decimals(3),
        bars: graded.flatMap((system) => {
          const value = system.quality?.[metric];
          return value === undefined
            ? []
            : [
                {
                  label: system.checkpoint,
                  pieces: [{ name: METRIC_NAMES[metric], value: value.mean }],
                  interval: value,
                },
              ];
        }),
      }),
    ),
  ];
}

/** Rows with what each detoxifier made of them; null where none ran. */
export function examples({ examples: rows, detoxifiers }: Comparison): Section | null {
  if (rows.length === 0) return null;
  return {
    heading: 'Examples',
    blocks: [
      {
        kind: 'table',
        long: true,
        columns: ['row', 'text', ...detoxifiers.map(({ checkpoint }) => checkpoint)],
        rows: rows.map(({ rowNo, text, outputs }) => [
          String(rowNo),
          text,
          ...outputs.map((output) =>
            output.text === null
              ? `(${output.outcome})`
              : `${output.text}${output.outcome === 'detoxified' ? '' : ` (${output.outcome})`}`,
          ),
        ]),
      },
    ],
  };
}

/** What the scorers said; null where none ran. */
export function scoring({ scorers, agreements, data }: Comparison): Section | null {
  const [first] = scorers;
  if (first === undefined) return null;
  const labelled = data.labels !== null;
  const blocks: Block[] = [
    {
      kind: 'text',
      text: `Each in an ordinary run with the detoxifier ${first.run.models.detoxifier.name}, toxic from ${first.run.threshold} on. ms per row is engine time in the scorer, rewrites included.${standIns(scorers)}`,
    },
    {
      kind: 'table',
      columns: [
        'scorer',
        'run',
        'rows/s',
        'ms per row',
        'peak memory',
        'called toxic',
        ...(labelled ? ['AUC', 'accuracy'] : []),
      ],
      rows: scorers.map((scorer) => [
        scorer.checkpoint,
        scorer.run.run,
        ...speed(scorer, msPerRow(scorer.run.engineMs.score, scorer.run.rowsDone)),
        percent(scorer.toxicShare),
        ...(labelled ? [number(scorer.auc, 3), scorer.accuracy === null ? NONE : percent(scorer.accuracy)] : []),
      ]),
    },
  ];
  if (agreements.length > 0) {
    blocks.push({
      kind: 'table',
      columns: ['scorers', 'same side of the threshold', 'correlation'],
      rows: agreements.map(({ a, b, share, correlation }) => [`${a}, ${b}`, percent(share), number(correlation, 3)]),
    });
  }
  const curves = scorers.flatMap((scorer) =>
    scorer.curve === null ? [] : [{ label: scorer.checkpoint, points: scorer.curve }],
  );
  if (curves.length > 0) {
    blocks.push({ kind: 'curves', title: 'ROC', x: 'false positives', y: 'true positives', curves });
  }
  return { heading: 'Scoring', blocks };
}

/** Which checkpoint stands in for which system, as a sentence; empty without a stand-in. */
function standIns(measured: readonly { readonly checkpoint: string; readonly standsFor: string | null }[]): string {
  const named = measured.filter(({ standsFor }) => standsFor !== null);
  if (named.length === 0) return '';
  return ` Standing in: ${named.map(({ checkpoint, standsFor }) => `${checkpoint} for ${standsFor}`).join(', ')}.`;
}

function speed({ memoryBytes, rowsPerSecond }: Speed, ms: number | null): string[] {
  return [
    number(rowsPerSecond, 0),
    number(ms, 1),
    memoryBytes === null ? NONE : `${(memoryBytes / 1e6).toFixed(0)} MB`,
  ];
}

function msPerRow(ms: number | undefined, rows: number): number | null {
  return ms === undefined || rows === 0 ? null : ms / rows;
}
