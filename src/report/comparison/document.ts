import type { Bars, Block, Document, Section } from '../document/document.ts';
import type { Comparison } from './comparison.ts';
import { examples, rewriting, scoring } from './measured.ts';
import { withShortNames } from './names.ts';
import { compareLikeness, compareTraits, type Trait } from './structure.ts';
import { count, decimals, percent, plainBars } from './words.ts';

/** A comparison as a report: every number in a table, the plots besides. Sections without content are left out. */
export function compareDocument(full: Comparison): Document {
  const comparison = withShortNames(full);
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
      : 'Nothing was measured: no checkpoint on disk rewrites or scores here.',
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
      columns: ['checkpoint', 'tokenizer', 'tokens', 'tokens per word'],
      rows: found.map(({ checkpoint, kind, tokens, tokensPerWord }) => [
        checkpoint,
        kind,
        count(tokens),
        tokensPerWord.toFixed(2),
      ]),
    },
    plainBars(
      'Tokens a word',
      found.map(({ checkpoint, tokensPerWord }) => [checkpoint, tokensPerWord]),
      decimals(2),
    ),
  ];
  if (overlaps.length > 0) {
    blocks.push(
      {
        kind: 'text',
        text: 'Tokens that stand for the same text in two vocabularies, whatever their spelling of a beginning word, and their share of the smaller vocabulary:',
      },
      overlapTable(overlaps),
    );
  }
  return { heading: `Tokenizers, on ${count(data.rows)} rows`, blocks };
}

/** Each pair once, above the diagonal. */
function overlapTable(overlaps: Comparison['overlaps']): Block {
  const names = [...new Set(overlaps.flatMap(({ a, b }) => [a, b]))];
  const cell = (a: string, b: string): string => {
    const found = overlaps.find((pair) => pair.a === a && pair.b === b);
    return found === undefined ? '' : `${count(found.shared)}, ${percent(found.share)}`;
  };
  return {
    kind: 'table',
    columns: ['', ...names.slice(1)],
    rows: names.slice(0, -1).map((a) => [a, ...names.slice(1).map((b) => cell(a, b))]),
  };
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

function listOr(items: readonly string[], none: string): Block {
  return items.length === 0 ? { kind: 'text', text: none } : { kind: 'list', items };
}
