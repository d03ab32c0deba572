import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryRows, ROOT, runCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';
import { changeJson } from '../support/hostile-checkpoints.ts';

let home: CliHome;
beforeAll(async () => {
  home = await createCliHome();
});
afterAll(() => home.remove());

test('a row on which a tokenizer does not end is a row error, and the others go on', { timeout: 180_000 }, async () => {
  const scorer = join(home.folder, 'scorer');
  cpSync(join(ROOT, 'models/nano-roberta'), scorer, { recursive: true });
  changeJson(scorer, 'tokenizer.json', (tokenizer) => {
    tokenizer.normalizer = { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: 'a' };
  });
  const file = join(home.folder, 'rows.csv');
  const texts = Array.from({ length: 8 }, (_, n) => (n === 3 ? `${'a'.repeat(60)}!` : `a fine text, number ${n}`));
  writeFileSync(file, `text\n${texts.map((text) => `"${text}"`).join('\n')}\n`);
  const { code, stderr } = await runCli(['run', file, '--scorer', scorer], home.env);
  expect(code, stderr).toBe(3);
  expect(stderr).not.toContain('aaaaaaaaaa');
  const errors = await queryRows('select row_no, code, message from row_errors', home.env);
  expect(errors).toMatchObject([{ row_no: 3, code: 'model_failed' }]);
  expect(String(errors[0]?.message)).toContain('its tokenizer takes more than 2 s: a pattern of it');
  expect(await queryRows('select count(*)::int as n from results', home.env)).toEqual([{ n: 7 }]);
});
