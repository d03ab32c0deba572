import { compareLikeness, compareTraits, NONE, type Trait } from './compare-structure.ts';
import type { Comparison, MeasuredDetoxifier, Speed } from './comparison.ts';
import { QUALITY } from './comparison.ts';
import type { Bars, Block, Document, Section } from './document.ts';
import { METRIC_NAMES } from './metrics.ts';

/** A comparison as a report: every number in a table, the plots besides. Sections without content are left out. */
export function compareDocument(comparison: Comparison): Document {
  const sections = [
    overview(comparison),
    ...structure(comparison),
    tokenizers(comparison),
    rewriting(comparison),
    examples(comparison),
    scoring(comparison),
    queries(comparison),
  ];
  return {
    title: `detoxq models compare: ${comparison.systems.map(({ name }) => name).join(', ')}`,
    sections: sections.filter((section) => section !== null),
  };
}

function overview({ data, systems, missing, detoxifiers, scorers }: Comparison): Section {
  const standIns = systems.flatMap(({ name, standIn }) => (standIn === null ? [] : [`${standIn.name} for ${name}`]));
  const measured = detoxifiers.length + scorers.length > 0;
  const items = [
    measured
      ? `Measured on ${count(data.rows)} rows of ${data.file}, each system in an ordinary run.`
      : 'Nothing was measured: no checkpoint that can run here is on disk.',
    standIns.length === 0
      ? ''
      : `What is not on this machine is described from its published config and measured by a small bundled checkpoint of the same class: ${standIns.join(', ')}. Figures of a stand-in say nothing about the system's own weights.`,
    data.labels === null
      ? ''
      : `Labels: column ${data.labels.column}, ${count(data.labels.rows)} rows, ${count(data.labels.toxic)} of them toxic.`,
    ...missing,
  ];
  return { heading: 'What was compared', blocks: [{ kind: 'list', items: items.filter((item) => item !== '') }] };
}

function structure({ systems }: Comparison): Section[] {
  const inspections = systems.map(({ inspection }) => inspection);
  const names = systems.map(({ name }) => name);
  const traits = compareTraits(inspections);
  const { same, differs } = compareLikeness(traits, names);
  const known = inspections.filter(({ treeReason }) => treeReason !== null);
  const sections: Section[] = [
    {
      heading: 'Architecture',
      blocks: [
        traitTable(names, traits),
        partsPlot(systems.map(({ name, inspection }) => ({ name, parameters: inspection.parameters }))),
        ...known.map(({ name, treeReason }): Block => ({ kind: 'text', text: `${name}: ${treeReason}` })),
      ],
    },
  ];
  if (systems.length > 1) {
    sections.push(
      { heading: 'What is the same', blocks: [listOr(same, 'Nothing of the above is equal in all of them.')] },
      { heading: 'What differs', blocks: [listOr(differs, 'Nothing of the above differs.')] },
    );
  }
  const standIns = systems.flatMap(({ standIn }) => (standIn === null ? [] : [standIn]));
  if (standIns.length > 0) {
    sections.push({
      heading: 'The small checkpoints that stand in',
      blocks: [
        traitTable(
          standIns.map(({ name }) => name),
          compareTraits(standIns),
        ),
      ],
    });
  }
  return sections;
}

function traitTable(names: readonly string[], traits: readonly Trait[]): Block {
  return { kind: 'table', columns: ['', ...names], rows: traits.map(({ label, values }) => [label, ...values]) };
}

function partsPlot(
  systems: readonly {
    readonly name: string;
    readonly parameters: { readonly parts: readonly { readonly part: string; readonly count: number }[] } | null;
  }[],
): Bars {
  return {
    kind: 'bars',
    title: 'Parameters by part',
    format: (value) => `${(value / 1e6).toFixed(1)} M`,
    bars: systems.flatMap(({ name, parameters }) =>
      parameters === null
        ? []
        : [{ label: name, pieces: parameters.parts.map(({ part, count: value }) => ({ name: part, value })) }],
    ),
  };
}

function tokenizers({ tokenizers: found, overlaps, data }: Comparison): Section | null {
  if (found.length === 0) return null;
  const blocks: Block[] = [
    {
      kind: 'table',
      columns: ['checkpoint', 'tokenizer', 'tokens', 'tokens a word'],
      rows: found.map(({ checkpoint, kind, tokens, tokensPerWord }) => [
        checkpoint,
        kind,
        count(tokens),
        tokensPerWord.toFixed(2),
      ]),
    },
    plot(
      'Tokens a word',
      found.map(({ checkpoint, tokensPerWord }) => [checkpoint, tokensPerWord]),
      decimals(2),
    ),
  ];
  if (overlaps.length > 0) {
    blocks.push(
      {
        kind: 'text',
        text: 'Tokens that stand for the same text in two vocabularies, whatever their spelling of a beginning word; the share is of the smaller vocabulary.',
      },
      {
        kind: 'table',
        columns: ['vocabularies of', 'shared tokens', 'share'],
        rows: overlaps.map(({ a, b, shared, share }) => [`${a}, ${b}`, count(shared), percent(share)]),
      },
    );
  }
  return { heading: `Tokenizers, on ${count(data.rows)} rows`, blocks };
}

function rewriting({ detoxifiers, judged }: Comparison): Section | null {
  const [first] = detoxifiers;
  if (first === undefined) return null;
  const scorer = first.run.models.scorer;
  const blocks: Block[] = [
    {
      kind: 'text',
      text: `Each in an ordinary run with the scorer ${scorer.name} (${scorer.precision}), toxic from ${first.run.threshold} on. Toxicity is that scorer's mean over the rewritten rows. rows/s is the whole run: scoring, rewriting, scoring again, writing. Memory is that of an engine process with both models.`,
    },
    {
      kind: 'table',
      columns: [
        'detoxifier',
        'run',
        'rows/s',
        'ms a rewrite',
        'memory',
        ...Object.keys(first.run.outcomes),
        'errors',
        'toxicity before',
        'after',
      ],
      rows: detoxifiers.map((detoxifier) => [
        label(detoxifier),
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
    plot(
      'Rows a second, whole run',
      detoxifiers.map((system) => [label(system), system.run.rowsPerSecond ?? 0]),
      decimals(0),
    ),
    {
      kind: 'bars',
      title: 'Outcomes of all rows',
      format: decimals(0),
      bars: detoxifiers.map((system) => ({
        label: label(system),
        pieces: Object.entries(system.run.outcomes).map(([name, value]) => ({ name, value })),
      })),
    },
  );
  return { heading: 'Rewriting', blocks };
}

function quality(detoxifiers: readonly MeasuredDetoxifier[], judged: NonNullable<Comparison['judged']>): Block[] {
  const { sta, sim, fl } = judged.judges;
  const graded = detoxifiers.filter((system) => system.quality !== null);
  const rows = graded.map((system) => [
    label(system),
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
      text: `Judged on the ${count(judged.rows)} rows that some run found toxic, with 95 % bootstrap intervals. STA: share that ${sta.name} calls neutral; SIM: cosine by ${sim.name}; FL: share that ${fl.name} calls acceptable; J: mean of their products, row by row. A row that a system left as it was counts as a copy.`,
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
            : [{ label: label(system), pieces: [{ name: METRIC_NAMES[metric], value: value.mean }], interval: value }];
        }),
      }),
    ),
  ];
}

function examples({ examples: rows, detoxifiers }: Comparison): Section | null {
  if (rows.length === 0) return null;
  return {
    heading: 'Examples',
    blocks: [
      {
        kind: 'table',
        long: true,
        columns: ['row', 'text', ...detoxifiers.map(label)],
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

function scoring({ scorers, agreements, data }: Comparison): Section | null {
  const [first] = scorers;
  if (first === undefined) return null;
  const labelled = data.labels !== null;
  const blocks: Block[] = [
    {
      kind: 'text',
      text: `Each in an ordinary run with the detoxifier ${first.run.models.detoxifier.name}, toxic from ${first.run.threshold} on. ms a row is engine time in the scorer, rewrites included.`,
    },
    {
      kind: 'table',
      columns: [
        'scorer',
        'run',
        'rows/s',
        'ms a row',
        'memory',
        'called toxic',
        ...(labelled ? ['AUC', 'accuracy'] : []),
      ],
      rows: scorers.map((scorer) => [
        label(scorer),
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
    scorer.curve === null ? [] : [{ label: label(scorer), points: scorer.curve }],
  );
  if (curves.length > 0) {
    blocks.push({ kind: 'curves', title: 'ROC', x: 'false positives', y: 'true positives', curves });
  }
  return { heading: 'Scoring', blocks };
}

function queries({ sql }: Comparison): Section | null {
  if (sql === null) return null;
  return {
    heading: 'The rows in SQL',
    blocks: [
      { kind: 'text', text: 'Every run stands in Postgres like any other. All rows side by side:' },
      { kind: 'code', text: sql },
    ],
  };
}

function label({ checkpoint, standsFor }: { readonly checkpoint: string; readonly standsFor: string | null }): string {
  return standsFor === null ? checkpoint : `${checkpoint} (for ${standsFor})`;
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

function plot(title: string, values: readonly (readonly [string, number])[], format: (value: number) => string): Bars {
  return {
    kind: 'bars',
    title,
    format,
    bars: values.map(([name, value]) => ({ label: name, pieces: [{ name: title, value }] })),
  };
}

function listOr(items: readonly string[], none: string): Block {
  return items.length === 0 ? { kind: 'text', text: none } : { kind: 'list', items };
}

const count = (value: number): string => value.toLocaleString('en-US');
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const decimals =
  (digits: number) =>
  (value: number): string =>
    value.toFixed(digits);
const number = (value: number | null, digits: number): string => (value === null ? NONE : value.toFixed(digits));
