import type { Taken } from './results.ts';

/** When a result was taken, of which commit, and what else the machine did. */
export function taken({ commit, takenAt, loadAverage }: Omit<Taken, 'machine'>): string {
  const load = loadAverage?.map((average) => average.toFixed(1)).join(' before and ');
  return `commit ${commit}, ${takenAt.slice(0, 10)}${load === undefined ? '' : `, load average ${load} after`}`;
}
