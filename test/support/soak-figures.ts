import type { SourceRow } from '../../src/contract/row.ts';
import type { Database } from '../../src/store/database.ts';
import { isStoredAs, readStored } from './fault-rows.ts';

/** What is told of a soak, so that those of several seeds can be summed: scripts/soak.mjs. */
export interface SoakFigures {
  readonly seed: number;
  readonly minutes: number;
  /** Faults that were survived, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Rows that asked for something, by what. */
  readonly planted: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly rows: number;
  readonly chunks: number;
  readonly claims: number;
  readonly mostClaims: number;
  readonly chunksWithoutEnd: number;
  readonly lost: number;
  readonly doubled: number;
  readonly different: number;
  readonly leftovers: number;
  readonly blamed: readonly string[];
}

export interface Compared {
  readonly lost: number;
  readonly doubled: number;
  readonly different: number;
}

/** Compares a run, row by row, with what an undisturbed one stores. */
export async function compareRun(
  database: Database,
  run: string,
  rows: readonly SourceRow[],
  errors: Readonly<Record<number, string>>,
): Promise<Compared> {
  const { stored, failed } = await readStored(database, run);
  const times = new Map<number, number>();
  for (const { rowNo } of [...stored, ...failed]) times.set(rowNo, (times.get(rowNo) ?? 0) + 1);
  const results = new Map(stored.map((row) => [row.rowNo, row]));
  const codes = new Map(failed.map(({ rowNo, code }) => [rowNo, code]));
  let different = times.size > rows.length ? times.size - rows.length : 0;
  for (const row of rows) {
    if ((times.get(row.rowNo) ?? 0) === 0) continue;
    const code = errors[row.rowNo];
    const isRight = code === undefined ? isStoredAs(row, results.get(row.rowNo)) : codes.get(row.rowNo) === code;
    if (!isRight) different += 1;
  }
  return {
    lost: rows.filter(({ rowNo }) => !times.has(rowNo)).length,
    doubled: [...times.values()].filter((count) => count > 1).length,
    different,
  };
}

/** Of all chunks of all runs that are kept. */
export async function chunkFigures(
  database: Database,
): Promise<Pick<SoakFigures, 'chunks' | 'claims' | 'mostClaims' | 'chunksWithoutEnd'>> {
  const [figures] = await database.query<Pick<SoakFigures, 'chunks' | 'claims' | 'mostClaims' | 'chunksWithoutEnd'>>(
    `SELECT count(*)::integer AS chunks, coalesce(sum(claims), 0)::integer AS claims,
       coalesce(max(claims), 0)::integer AS "mostClaims",
       (count(*) FILTER (WHERE state <> 'done'))::integer AS "chunksWithoutEnd"
     FROM detoxq.chunks`,
  );
  if (figures === undefined) throw new Error('an aggregate has a row');
  return figures;
}
