import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonMembers } from '../../../src/cli/commands/json-members.ts';

test('members keep their order, their names and their digits', () => {
  expect(jsonMembers('{"2":1.10,"1":"a,}\\"b","a":[{"x":1},"]"],"a":null, "b" : {"c":{}} }')).toEqual([
    { name: '2', value: '1.10' },
    { name: '1', value: '"a,}\\"b"' },
    { name: 'a', value: '[{"x":1},"]"]' },
    { name: 'a', value: 'null' },
    { name: 'b', value: '{"c":{}}' },
  ]);
  expect(jsonMembers('{}')).toEqual([]);
});

test('are those that JSON.parse sees', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1), (object, indent) => {
      const text = JSON.stringify(object, null, indent);
      const members = jsonMembers(text);
      expect(Object.fromEntries(members.map(({ name, value }) => [name, JSON.parse(value)]))).toEqual(JSON.parse(text));
      expect(members).toHaveLength(Object.keys(object).length);
    }),
  );
});
