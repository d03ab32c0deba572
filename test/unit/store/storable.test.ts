import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JsonObject, storableText } from '../../../src/contract/row.ts';
import { storableJson } from '../../../src/store/storable.ts';

const anyText = fc.string({ unit: 'binary' });
const wellFormedText = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''));

test('text that can be stored stays as it is', () => {
  fc.assert(
    fc.property(wellFormedText, (text) => {
      expect(storableText(text)).toBe(text);
    }),
  );
});

test('any text becomes storable, at the same length', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { maxLength: 20 }), (units) => {
      const text = String.fromCharCode(...units);
      const stored = storableText(text);
      expect(stored).not.toContain('\0');
      expect(Buffer.from(stored).toString()).toBe(stored);
      expect(stored).toHaveLength(text.length);
    }),
  );
});

test('JSON that can be stored stays as it is, and any other is mended at every depth', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), anyText, (value, key) => {
      const object = { [key]: value } as JsonObject;
      const stored = storableJson(object);
      expect(stored).not.toMatch(/(?<!\\)(\\\\)*\\u0000/);
      if (storableText(JSON.stringify(object)) === JSON.stringify(object) && !stored.includes('\ufffd')) {
        expect(JSON.parse(stored)).toEqual(JSON.parse(JSON.stringify(object)));
      }
    }),
  );
  expect(storableJson({ 'a\0': [{ 'b\ud800': '\udfff' }, '\0'], c: '\\u0000' })).toBe(
    JSON.stringify({ 'a\ufffd': [{ 'b\ufffd': '\ufffd' }, '\ufffd'], c: '\\u0000' }),
  );
});
