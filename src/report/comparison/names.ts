import { basename } from 'node:path';
import type { Comparison } from './comparison.ts';

/** The same comparison with folders by their last name, where it is unique: paths are too long for a table. */
export function withShortNames(comparison: Comparison): Comparison {
  const { systems } = comparison;
  const names = new Set(
    systems.flatMap(({ inspection, standIn }) => [inspection.name, standIn?.name ?? inspection.name]),
  );
  const uses = new Map<string, number>();
  for (const name of names) uses.set(basename(name), (uses.get(basename(name)) ?? 0) + 1);
  const short = (name: string): string => {
    const last = basename(name);
    return names.has(name) && last !== '' && uses.get(last) === 1 ? last : name;
  };
  const shortOf = <T extends { readonly checkpoint: string }>(item: T): T => ({
    ...item,
    checkpoint: short(item.checkpoint),
  });
  const pair = <T extends { readonly a: string; readonly b: string }>(item: T): T => ({
    ...item,
    a: short(item.a),
    b: short(item.b),
  });
  return {
    ...comparison,
    systems: systems.map((system) => ({
      ...system,
      name: short(system.inspection.name),
      inspection: { ...system.inspection, name: short(system.inspection.name) },
      standIn: system.standIn === null ? null : { ...system.standIn, name: short(system.standIn.name) },
    })),
    tokenizers: comparison.tokenizers.map(shortOf),
    overlaps: comparison.overlaps.map(pair),
    detoxifiers: comparison.detoxifiers.map(shortOf),
    scorers: comparison.scorers.map(shortOf),
    agreements: comparison.agreements.map(pair),
    examples: comparison.examples.map((example) => ({ ...example, outputs: example.outputs.map(shortOf) })),
  };
}
