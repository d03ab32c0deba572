import type { ModelIdentity } from '../contract/models.ts';
import type { Database } from './database.ts';

/** The id of a model in `models`; it is added when it is not there yet. */
export async function modelId(database: Database, model: ModelIdentity): Promise<number> {
  const identity = [model.name, model.architecture, model.digest, model.precision];
  const find = async (): Promise<number | undefined> => {
    const [row] = await database.query<{ id: number }>(
      'SELECT id FROM detoxq.models WHERE name = $1 AND architecture = $2 AND digest = $3 AND precision = $4',
      identity,
    );
    return row?.id;
  };
  const known = await find();
  if (known !== undefined) return known;
  await database.query(
    'INSERT INTO detoxq.models (name, architecture, digest, precision) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    identity,
  );
  const added = await find();
  if (added === undefined) throw new Error('a model that was just stored is not there');
  return added;
}
