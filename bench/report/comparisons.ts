/** Engines against engines: the table, what int8 changes on each side, and how each was taken. */
import type { PeerMeasured, Result } from '../peers/compare.ts';
import { median, range } from '../peers/statistics.ts';
import { cores, count, table } from './markdown.ts';
import type { Bar } from './plot-ratios.ts';
import { taken } from './taken.ts';

export function comparisonsSection(results: readonly Result[]): string {
  return `### Models against other engines

\`npm run bench -- bart-greedy\`, \`bart-beam\`, \`t5-greedy\`, \`gpt2-20\`, \`bart-greedy-transformers\`, \`scorer\`, \`long\`, \`processes\`: each sets up its peers by itself.

${comparisonTable(results)}

Equal to transformers in fp32:

${fp32Table(results)}

How each was taken:

${results.map(settingsOf).join('\n')}
`;
}

/** One a comparison, to the fastest peer. */
export function comparisonBars(results: readonly Result[]): Bar[] {
  return results.flatMap(({ title, goal, peers }) => {
    const peer = fastest(peers);
    if (peer === undefined) return [];
    const [least, most] = [Math.min(...peer.ratios), Math.max(...peer.ratios)];
    return [{ label: title, ratio: median(peer.ratios), least, most, goal }];
  });
}

function fastest(peers: readonly PeerMeasured[]): PeerMeasured | undefined {
  return [...peers].sort((a, b) => median(a.ratios) - median(b.ratios))[0];
}

function comparisonTable(results: readonly Result[]): string {
  const columns = [
    ...['work', 'detoxq, rows/s', 'against', 'rows/s', 'ratio', 'of CPU time', 'goal'],
    ...['same outputs (tokens: ours / theirs)', 'peak MB, ours / theirs'],
  ];
  const rows = results.flatMap((result) => {
    const { ours, peers } = result;
    return peers.map((peer) => [
      `${result.title}, ${count(result.rows.count)} rows, ${cores(result.cores)}`,
      `${median(ours.rowsPerSecond).toFixed(1)} (${range(ours.rowsPerSecond, 1)})`,
      peer.name,
      `${median(peer.rowsPerSecond).toFixed(1)} (${range(peer.rowsPerSecond, 1)})`,
      `**${median(peer.ratios).toFixed(2)}** (${range(peer.ratios, 2)})`,
      (median(ours.rowsPerCpuSecond) / median(peer.rowsPerCpuSecond)).toFixed(2),
      // Only the fastest peer has to be beaten by so much.
      peer === fastest(peers) ? `≥ ${result.goal}` : '',
      sameness(peer),
      `${Math.round(ours.peakMb)} / ${Math.round(peer.peakMb)}`,
    ]);
  });
  return table(columns, rows);
}

function sameness({ agreement }: PeerMeasured): string {
  const equal = `${count(agreement.equal)} of ${count(agreement.rows)}`;
  if (agreement.tokens) return `${equal} (${agreement.tokens.map(count).join(' / ')} tokens)`;
  return `${equal} labels`;
}

/** What int8 changes: rows with the tokens or labels of transformers in fp32. */
function fp32Table(results: readonly Result[]): string {
  const rows = results.flatMap(({ title, referenceRows, ours, peers }) => {
    if (referenceRows === null) return [];
    // The peers of another form of ours are those of its first.
    const sides = ours.name.endsWith('int8-static') ? [ours] : [ours, ...peers];
    return sides.map(({ name, equalsReference }) => [
      ...[title, name, `${count(equalsReference ?? 0)} of ${count(referenceRows)}`],
    ]);
  });
  return table(['work', 'engine', 'rows equal'], rows);
}

function settingsOf(result: Result): string {
  const sides = [result.ours, ...result.peers].map(({ name, variant, settings, versions }) => {
    const all = [
      ...(variant === 'default' ? [] : [variant]),
      ...Object.entries(settings).map(([setting, value]) => `${setting} ${value}`),
      ...Object.entries(versions).map(([software, version]) => `${software} ${version}`),
    ];
    return `  - ${name}: ${all.join(', ')}`;
  });
  return [`- ${result.title}: ${result.rows.source}; ${taken(result)}`, ...sides].join('\n');
}
