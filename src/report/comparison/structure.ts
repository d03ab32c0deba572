import type { Inspection } from '../../contract/inspection.ts';

/** A property of systems, one value a system, in their order. */
export interface Trait {
  readonly label: string;
  readonly values: readonly string[];
}

/** Said of a property that a class does not have, or that is not known. */
export const NONE = '–';

const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? NONE : value.toLocaleString('en-US');

/** Millions, as people name sizes of models. */
const millions = (value: number | undefined): string => {
  if (value === undefined) return NONE;
  return value < 1e5 ? count(value) : `${(value / 1e6).toFixed(value < 1e6 ? 2 : 1)} M`;
};

const megabytes = (value: number | undefined): string =>
  value === undefined ? NONE : `${(value / 1e6).toFixed(0)} MB`;

const part = (name: string) => ({
  label: `  ${name}`,
  of: ({ parameters }: Inspection): string => {
    const found = parameters?.parts.find((candidate) => candidate.part === name);
    if (found === undefined) return NONE;
    return found.count === 0 ? 'shared' : millions(found.count);
  },
});

/** Everything that is read of a config, a header or a tokenizer and worth comparing, in the order in which it is shown. */
const TRAITS: readonly { readonly label: string; readonly of: (inspection: Inspection) => string }[] = [
  { label: 'class', of: ({ architecture }) => architecture },
  { label: 'family', of: ({ traits }) => traits?.family ?? NONE },
  { label: 'attention', of: ({ traits }) => traits?.attention ?? NONE },
  { label: 'trained to give', of: ({ traits }) => traits?.objective ?? NONE },
  { label: 'encoder layers', of: ({ traits }) => count(traits?.encoderLayers) },
  { label: 'decoder layers', of: ({ traits }) => count(traits?.decoderLayers) },
  { label: 'width', of: ({ traits }) => count(traits?.width) },
  { label: 'heads', of: ({ traits }) => (traits === null ? NONE : `${traits.heads} of ${traits.headSize}`) },
  {
    label: 'feed-forward',
    of: ({ traits }) => (traits === null ? NONE : `${count(traits.inner)}${traits.gated ? ', gated' : ''}`),
  },
  { label: 'activation', of: ({ traits }) => traits?.activation ?? NONE },
  { label: 'norm', of: ({ traits }) => traits?.norm ?? NONE },
  { label: 'norm place', of: ({ traits }) => traits?.normPlace ?? NONE },
  { label: 'biases', of: ({ traits }) => (traits === null ? NONE : traits.biases ? 'yes' : 'no') },
  { label: 'positions', of: ({ traits }) => traits?.positions ?? NONE },
  {
    label: 'context',
    of: ({ traits }) =>
      traits === null ? NONE : traits.context === null ? 'no limit' : `${count(traits.context)} tokens`,
  },
  {
    label: 'output matrix',
    of: ({ traits }) =>
      traits?.tied === null || traits === null ? NONE : traits.tied ? 'the embedding table' : 'its own',
  },
  { label: 'vocabulary', of: ({ traits }) => count(traits?.vocabulary) },
  { label: 'tokenizer', of: ({ tokenizer }) => tokenizer.kind ?? NONE },
  { label: 'parameters', of: ({ parameters }) => millions(parameters?.total) },
  part('embeddings'),
  part('encoder'),
  part('decoder'),
  part('pooler'),
  part('head'),
  { label: 'weights, fp32', of: ({ memory }) => megabytes(memory?.fp32) },
  { label: 'weights, fp16', of: ({ memory }) => megabytes(memory?.fp16) },
  { label: 'weights, int8', of: ({ memory }) => megabytes(memory?.int8) },
  { label: 'on disk', of: ({ weights }) => (weights === null ? 'no' : weights.format) },
];

/** Rows of the table: properties that some system has. */
export function compareTraits(inspections: readonly Inspection[]): Trait[] {
  return TRAITS.map(({ label, of }) => ({ label, values: inspections.map(of) })).filter(({ values }) =>
    values.some((value) => value !== NONE),
  );
}

interface Likeness {
  /** Properties in which all are equal. */
  readonly same: readonly string[];
  /** Properties in which they differ, each with who is which. */
  readonly differs: readonly string[];
}

/** What is the same and what differs, said in sentences; parts of sums are left to the table. */
export function compareLikeness(traits: readonly Trait[], names: readonly string[]): Likeness {
  const same: string[] = [];
  const differs: string[] = [];
  for (const { label, values } of traits) {
    if (label.startsWith('  ') || label.startsWith('weights') || label === 'on disk') continue;
    const groups = groupByValue(values, names);
    const [only] = groups.keys();
    if (groups.size === 1 && only !== undefined) same.push(`${label}: ${only}`);
    else
      differs.push(
        `${label}: ${[...groups].map(([value, who]) => `${value === NONE ? 'none' : value} (${who.join(', ')})`).join('; ')}`,
      );
  }
  return { same, differs };
}

function groupByValue(values: readonly string[], names: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  values.forEach((value, at) => {
    const group = groups.get(value) ?? [];
    group.push(names[at] ?? '');
    groups.set(value, group);
  });
  return groups;
}
