import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { packRows } from '../../../src/contract/chunk.ts';
import { textsIn } from '../../support/find-text.ts';

const TEXT = 'zebra quartz 7';

test.for<[string, Buffer]>([
  ['as it is', Buffer.from(`before ${TEXT} after`)],
  ['as JSON', Buffer.from(JSON.stringify({ text: TEXT }))],
  ['hexadecimal, as Postgres prints bytes', Buffer.from(`(1,"\\\\x${Buffer.from(TEXT).toString('hex')}")`)],
  ['base64', Buffer.from(`{"payload":"${Buffer.from(`a ${TEXT} and more`).toString('base64')}"}`)],
  ['deflated', deflateSync(TEXT)],
  ['deflated without a header', deflateRawSync(TEXT)],
  ['gzip', gzipSync(TEXT)],
  [
    'a payload in a job',
    Buffer.from(
      JSON.stringify({ payload: packRows([{ rowNo: 0, rowKey: null, text: TEXT, meta: null }]).toString('base64') }),
    ),
  ],
  [
    'a payload in a table',
    Buffer.from(`(r,"\\\\x${packRows([{ rowNo: 0, rowKey: TEXT, text: '', meta: null }]).toString('hex')}")`),
  ],
])('a text is found %s', ([, bytes]) => {
  expect(textsIn(bytes, ['another one', TEXT])).toEqual([TEXT]);
});

test('what is not there is not found', () => {
  expect(textsIn(Buffer.from(JSON.stringify({ payload: packRows([]).toString('base64') })), [TEXT])).toEqual([]);
});
