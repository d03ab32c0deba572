import type { Connection } from '../../src/store/database.ts';

interface Line {
  readonly relation: string;
  readonly sql: string;
}

/**
 * The schema as SQL, read from the catalogue: the same text from Postgres 15 to 18 and without pg_dump, which must be
 * at least as new as its server.
 */
export async function dumpSchema(connection: Connection): Promise<string> {
  const relations = await connection.query<{ name: string; kind: string; partition: string | null }>(`
    SELECT relname AS name, relkind AS kind, pg_get_partkeydef(oid) AS partition
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')
    ORDER BY relkind = 'v', relname`);
  const columns = await connection.query<Line>(`
    SELECT attrelid::regclass::text AS relation,
      concat_ws(' ', attname, format_type(atttypid, atttypmod),
        CASE WHEN attidentity = 'a' THEN 'GENERATED ALWAYS AS IDENTITY' END,
        'DEFAULT ' || pg_get_expr(adbin, adrelid),
        CASE WHEN attnotnull THEN 'NOT NULL' END) AS sql
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    ORDER BY attrelid::regclass::text, attnum`);
  // Since Postgres 18, NOT NULL is listed among the constraints too.
  const constraints = await connection.query<Line>(`
    SELECT conrelid::regclass::text AS relation, 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) AS sql
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0 AND contype <> 'n'
    ORDER BY conrelid::regclass::text, contype <> 'p', conname`);
  const storage = await connection.query<Line>(`
    SELECT attrelid::regclass::text AS relation,
      format('ALTER TABLE %I ALTER COLUMN %I SET STORAGE EXTERNAL;', relname, attname) AS sql
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND attnum > 0 AND attstorage = 'e' AND typstorage <> 'e'
    ORDER BY attrelid::regclass::text, attnum`);
  const statistics = await connection.query<Line>(`
    SELECT attrelid::regclass::text AS relation,
      format('ALTER TABLE ONLY %I ALTER COLUMN %I SET STATISTICS %s;', relname, attname, attstattarget) AS sql
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND attstattarget >= 0
    ORDER BY attrelid::regclass::text, attnum`);
  const indexes = await connection.query<Line>(`
    SELECT indrelid::regclass::text AS relation,
      replace(pg_get_indexdef(indexrelid), ' ' || current_schema() || '.', ' ') || ';' AS sql
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY indrelid::regclass::text, relname`);
  const views = await connection.query<Line>(`
    SELECT relname AS relation, pg_get_viewdef(oid) AS sql FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'v'`);
  const comments = await connection.query<Line>(`
    SELECT relname AS relation,
      format('COMMENT ON %s IS %L;',
        CASE WHEN objsubid > 0 THEN format('COLUMN %I.%I', relname, attname)
          WHEN relkind = 'v' THEN format('VIEW %I', relname) ELSE format('TABLE %I', relname) END,
        description) AS sql
    FROM pg_description JOIN pg_class ON pg_class.oid = objoid AND classoid = 'pg_class'::regclass
      LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')
    ORDER BY relname, objsubid`);

  const functions = await connection.query<{ sql: string }>(`
    SELECT replace(pg_get_functiondef(oid), current_schema() || '.' || proname, proname) || ';'
      || coalesce(format(E'\\nCOMMENT ON FUNCTION %s IS ', oid::regprocedure) || quote_literal(obj_description(oid)) || ';', '')
      AS sql
    FROM pg_proc WHERE pronamespace = current_schema()::regnamespace ORDER BY proname`);

  const triggers = await connection.query<Line>(`
    SELECT relname AS relation,
      replace(pg_get_triggerdef(pg_trigger.oid), current_schema() || '.', '') || ';' AS sql
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal
    ORDER BY relname, tgname`);

  const of = (lines: readonly Line[], name: string) =>
    lines.filter(({ relation }) => relation === name).map(({ sql }) => sql);
  const parts = relations.map(({ name, kind, partition }) => {
    const definition =
      kind === 'v'
        ? [`CREATE VIEW ${name} AS`, ...of(views, name).map((sql) => unqualified(sql, name))]
        : [
            `CREATE TABLE ${name} (`,
            [...of(columns, name), ...of(constraints, name)].map((sql) => `  ${sql}`).join(',\n'),
            partition === null ? ');' : `) PARTITION BY ${partition};`,
          ];
    return [
      ...definition,
      ...of(storage, name),
      ...of(statistics, name),
      ...of(indexes, name),
      ...of(comments, name),
    ].join('\n');
  });
  parts.push(...functions.map(({ sql }) => sql), ...triggers.map(({ sql }) => sql));
  return `-- The tables after all migrations, for reading; a test keeps it equal to them.\n-- They are in the schema detoxq unless docs/operations.md says otherwise.\n\n${parts.join('\n\n')}\n`;
}

/** Postgres 15 names the table of each column, also where there is only one; later ones do not. */
function unqualified(definition: string, view: string): string {
  return view === 'detox_pairs' ? definition.replaceAll(/\bresults\./g, '') : definition;
}
