import type { OwnColumns } from '../contract/cell.ts';
import { UsageError } from '../contract/errors.ts';
import { shownSettings } from '../contract/features.ts';
import type { JsonObject } from '../contract/row.ts';
import type { Run } from '../contract/run.ts';
import { referenceReader, runRows } from '../report/index.ts';
import type { Connection } from '../store/database.ts';
import { streamResults, streamRowErrors } from '../store/results.ts';
import { getRun } from '../store/runs.ts';
import type { EvaluatedSource } from './evaluation.ts';

/** Finished runs, a system each. `references` are columns of their datasets. @throws UsageError for a run that is not done */
export async function openRuns(
  connection: Connection,
  references: readonly string[],
  asked: readonly string[],
): Promise<EvaluatedSource[]> {
  const sources: EvaluatedSource[] = [];
  for (const reference of asked) {
    const run = await getRun(connection, reference);
    if (run.state !== 'done') {
      throw new UsageError(`run ${run.id} is ${run.state}: only a run that is done can be evaluated.`);
    }
    sources.push(runSource(connection, run, references));
  }
  return sources;
}

function runSource(connection: Connection, run: Run, references: readonly string[]): EvaluatedSource {
  const results = streamResults(connection, run.id);
  const readReferences = referenceReader(references, ownColumns(run.source.options));
  const { detoxifier, scorer } = shownSettings(run);
  let read = 0;
  async function* counted() {
    for await (const row of runRows(results, streamRowErrors(connection, run.id), readReferences)) {
      read++;
      yield row;
    }
  }
  return {
    name: run.name === null ? run.id : `${run.id} (${run.name})`,
    models: { detoxifier, scorer },
    hasReferences: references.length > 0,
    rows: counted(),
    share: () => (run.rowsTotal ? read / run.rowsTotal : null),
    close: () => {},
  };
}

function ownColumns({ textColumn, idColumn, idColumnFound }: JsonObject): OwnColumns {
  const name = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return { textColumn: name(textColumn), idColumn: name(idColumn) ?? name(idColumnFound) };
}
