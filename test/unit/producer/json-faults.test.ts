import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonFaultAt } from '../../../src/producer/json-fault.ts';
import { brief, readRows } from '../../support/datasets.ts';

describe('numbers of Python that JSON has not', () => {
  test('NaN and infinities: the text is kept, the number noted', async () => {
    const lines = [
      '{"id":1,"text":"NaN is Infinity","score":NaN}',
      '{"id":2,"text":"b","scores":[Infinity,-Infinity, 0.5],"big":12345678901234567890}',
      '{"id":3,"text":"c","score":0.5}',
    ];
    expect(await readRows(lines.join('\n'), { format: 'jsonl' })).toEqual([
      {
        rowNo: 0,
        rowKey: '1',
        text: 'NaN is Infinity',
        meta: { score: 'NaN', detoxq: { repaired: ['number'] } },
      },
      {
        rowNo: 1,
        rowKey: '2',
        text: 'b',
        meta: {
          scores: ['Infinity', '-Infinity', 0.5],
          big: '12345678901234567890',
          detoxq: { repaired: ['number'] },
        },
      },
      { rowNo: 2, rowKey: '3', text: 'c', meta: { score: 0.5 } },
    ]);
  });

  test('a number in place of the text is no text, also one that is repaired; NaN as an id is no id', async () => {
    const lines = [
      '{"id":1,"text":"a"}',
      '{"id":2,"text":NaN}',
      '{"id":3,"text":-Infinity}',
      '{"id":4,"text":12345678901234567890}',
      '{"id":NaN,"text":"b"}',
    ];
    const rows = await readRows(lines.join('\n'), { format: 'jsonl' });
    expect(rows.map((row) => `${row.rowKey} ${brief(row)}`)).toEqual([
      '1 a',
      '2 [missing_text]',
      '3 [missing_text]',
      '4 [text_not_string]',
      'null b',
    ]);
  });

  test.each(['{"text":"a","x":NaNa}', '{"text":"a","x":nan}', '{"text":"a","x":+Infinity}', '{"text":"a",NaN:1}'])(
    'no number: %s',
    async (line) => {
      const rows = await readRows(`{"text":"first"}\n${line}\n`, { format: 'jsonl' });
      expect(rows.map(brief)).toEqual(['first', '[invalid_json]']);
    },
  );
});

describe('where a line is broken', () => {
  test.each([
    ['{"text":"c",}', 12],
    ['{"text":undefined}', 8],
    ["{'text':1}", 1],
    ['{"text":"a"} {', 13],
    ['{"text":"a\\x"}', 11],
    ['{"text":"\\u12g4"}', 13],
    ['{"text":"a\tb"}', 10],
    ['{"a":[1,2,}', 10],
    ['{"a":[1 2]}', 8],
    ['{"a" 1}', 5],
    ['{"a":01}', 6],
    ['{"a":1}]', 7],
    ['{"a":NaN,"b":Nope}', 13],
    ['{"text":"b', 10],
    ['{"a":[', 6],
    ['{"a":tru', 8],
    ['{"a":1', 6],
    ['{"a":-', 6],
    ['', 0],
  ])('%s', (line, at) => {
    expect(jsonFaultAt(line)).toBe(at);
  });

  test('nothing is found in JSON; of what the parser refuses, a place is always found', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        expect(jsonFaultAt(json)).toBeNull();
      }),
    );
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('{', '}', '"', ',', ':', '\\', 'x', ' ', '1', ''),
        (json, n, inserted) => {
          const at = n % json.length;
          const broken = json.slice(0, at) + inserted + json.slice(at + 1);
          let valid = true;
          try {
            JSON.parse(broken);
          } catch {
            valid = false;
          }
          expect(jsonFaultAt(broken) === null).toBe(valid);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('depth costs no stack', () => {
    expect(jsonFaultAt('['.repeat(1_000_000))).toBe(1_000_000);
  });

  test('the row error gives line and character, and quotes nothing', async () => {
    const rows = await readRows('{"text":"a"}\n\n{"text":"SECRET", "x": SECRET}\n', { format: 'jsonl' });
    const fault = rows.flatMap((row) => ('fault' in row ? [row.fault] : []))[0];
    expect(fault).toMatchObject({
      code: 'invalid_json',
      message: 'standard input, line 3: not JSON from character 24 on',
    });
  });
});
