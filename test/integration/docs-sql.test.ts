import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOnlyQuery } from '../../src/store/read-only-query.ts';
import { ROOT } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/* Every query in the docs runs on the tables as they are. Those of docs/sql.md have a test of their own, with rows. */

const QUERIES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT })
  .filter((page) => page !== 'CHANGELOG.md')
  .flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const blocks = [...text.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, sql = '']) => sql);
    const commands = [...text.matchAll(/detoxq query (?:--json )?"([^"]+)"/g)].map(([, sql = '']) => sql);
    return [...blocks, ...commands].map((sql) => [page, sql.trim()] as const);
  })
  .filter(([, sql]) => /^(?:select|with)\b/i.test(sql) && !sql.includes('…'));

let fixture: TestDatabase;
beforeAll(async () => {
  fixture = await createTestDatabase();
});
afterAll(() => fixture.drop());

test('the queries are found', () => {
  expect(QUERIES.map(([page]) => page)).toEqual(
    expect.arrayContaining(['README.md', 'docs/policy.md', 'docs/failure-modes.md', 'docs/input.md']),
  );
});

test.each(QUERIES)('%s: %s', async (_, sql) => {
  // As `detoxq query` runs it; a table or column that does not exist is refused.
  await readOnlyQuery(fixture.database, sql, () => {});
});
