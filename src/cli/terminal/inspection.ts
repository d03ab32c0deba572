import type { HeaderCheck, Inspection, TokenizerFacts, WeightFacts } from '../../contract/inspection.ts';
import { PRINTED_BY } from '../../engine/index.ts';
import { formatCount } from '../../util/format.ts';
import { useLines } from '../advice.ts';
import { formatPercent } from './format.ts';
import { visible } from './visible.ts';

/** Names of tensors shown of a list. */
const SHOWN = 8;

/** An inspection for people: the tree, then the facts below each other. */
export function inspectionText(inspection: Inspection): string {
  const { name, folder, architecture, modelType, tree, treeReason, traits, parameters, memory } = inspection;
  const lines: (readonly [string, string])[] = [
    ['checkpoint', folder === null || folder === name ? name : `${name}, in ${folder}`],
    ['class', modelType === null ? architecture : `${architecture} (${modelType})`],
    ['modules', tree === null ? `not printed: ${treeReason ?? ''}` : `above, as printed by ${PRINTED_BY}`],
  ];
  if (parameters !== null) {
    lines.push(['parameters', formatCount(parameters.total)]);
    for (const { part, count } of parameters.parts) {
      const share = count === 0 ? 'shared with the embeddings' : formatPercent(count, parameters.total);
      lines.push([`  ${part}`, count === 0 ? share : `${formatCount(count)}, ${share}`]);
    }
  }
  if (traits !== null) {
    const layers = [
      traits.encoderLayers === null ? null : `${traits.encoderLayers} encoder`,
      traits.decoderLayers === null ? null : `${traits.decoderLayers} decoder`,
    ].filter((part) => part !== null);
    lines.push(
      ['layers', `${layers.join(' + ')}, ${traits.heads} heads of ${traits.headSize}, width ${traits.width}`],
      ['attention', traits.attention],
      ['trained to give', traits.objective],
      ['labels', traits.labels === null ? '' : traits.labels.join(', ')],
      ['context', traits.context === null ? 'no limit in the architecture' : `${formatCount(traits.context)} tokens`],
      ['vocabulary', `${formatCount(traits.vocabulary)} rows of embeddings`],
    );
  }
  lines.push(...tokenizerLines(inspection.tokenizer));
  if (memory !== null) {
    lines.push([
      'weights take',
      `${formatBytes(memory.fp32)} in fp32, ${formatBytes(memory.fp16)} in fp16, ${formatBytes(memory.int8)} in int8 (embeddings in fp32)`,
    ]);
  }
  lines.push(...weightLines(inspection.weights));
  for (const [index, line] of useLines(inspection).entries()) lines.push([index === 0 ? 'use' : '', line]);
  for (const note of inspection.notes) lines.push(['note', note]);
  const width = Math.max(...lines.map(([key]) => key.length));
  const facts = lines
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key.padEnd(width)}  ${visible(value)}`);
  return `${tree === null ? '' : `${tree.split('\n').map(visible).join('\n')}\n\n`}${facts.join('\n')}`;
}

function tokenizerLines(tokenizer: TokenizerFacts): [string, string][] {
  const { kind, file, vocabulary, lowercases, maxTokens, special, problem } = tokenizer;
  const words = [
    kind ?? 'not known',
    vocabulary === null ? null : `${formatCount(vocabulary)} tokens`,
    lowercases ? 'lower-cases' : null,
    maxTokens === null ? null : `at most ${formatCount(maxTokens)} tokens per text`,
    file !== null || problem !== null ? null : 'by its model type: no tokenizer on disk',
    file === null || file === 'tokenizer.json' ? null : `from ${file}`,
    problem,
  ];
  const tokens = Object.entries(special).map(([role, token]) => `${role.replace('_token', '')} ${token}`);
  return [
    ['tokenizer', words.filter((word) => word !== null).join(', ')],
    ['special tokens', tokens.join(', ')],
  ];
}

function weightLines(weights: WeightFacts | null): [string, string][] {
  if (weights === null) return [['on disk', 'no weights']];
  const { format, files, bytes, dtypes, tensors, digest, check } = weights;
  const numbers = Object.entries(dtypes).map(([dtype, count]) => `${formatCount(count)} ${dtype}`);
  const pieces = files.length === 1 ? format : `${format} in ${files.length} files`;
  return [
    ['on disk', `${pieces}, ${formatBytes(bytes)}, ${formatCount(tensors)} tensors (${numbers.join(', ')})`],
    ['sha256', digest ?? 'none: the folder lacks files that a run needs'],
    ['header', check === null ? 'not held against a tree' : headerText(check)],
  ];
}

function headerText({ missing, unexpected, mismatched, renamed }: HeaderCheck): string {
  const findings = [
    mismatched.length === 0
      ? null
      : `of another shape: ${some(mismatched.map(({ name, file, config }) => `${name} ${file}, by its config ${config}`))}`,
    missing.length === 0 ? null : `missing: ${some(missing)}`,
    unexpected.length === 0 ? null : `no part of this class: ${some(unexpected)}`,
    renamed.length === 0 ? null : `${renamed.length} under other spellings, e.g. ${renamed[0] ?? ''}`,
  ].filter((finding) => finding !== null);
  return findings.length === 0 ? 'every tensor of the tree, in its shape, and no other' : findings.join('; ');
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

/** `12.3 MB`, in powers of ten. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(1)} kB`;
}
