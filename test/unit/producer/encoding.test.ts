import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DatasetError, UsageError } from '../../../src/contract/errors.ts';
import type { DatasetOptions } from '../../../src/producer/dataset.ts';
import { ENCODINGS, parseEncoding } from '../../../src/producer/encoding.ts';
import { allRows, brief, cut, openPieces } from '../../support/datasets.ts';

const utf16le = (text: string) => Buffer.from(text, 'utf16le');
const utf16be = (text: string) => utf16le(text).swap16();
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** Texts, messages of rejected rows, and notes, which must be the same in one piece and byte by byte. */
async function read(content: Uint8Array, options: DatasetOptions) {
  const once = async (lengths: readonly number[]) => {
    const notes: string[] = [];
    const dataset = await openPieces(cut(Buffer.from(content), lengths), {
      ...options,
      onNote: (note) => notes.push(note),
    });
    const rows = await allRows(dataset);
    const messages = rows.flatMap((row) => ('fault' in row ? [row.fault.message] : []));
    return { texts: rows.map(brief), messages, notes };
  };
  const whole = await once([1_000_000]);
  expect(await once([1])).toEqual(whole);
  expect(await once([3, 64, 1])).toEqual(whole);
  return whole;
}

describe('names of encodings', () => {
  test.each([
    ['UTF8', 'utf-8'],
    ['utf_8', 'utf-8'],
    ['utf-8-sig', 'utf-8'],
    ['us-ascii', 'utf-8'],
    ['UTF-16', 'utf-16'],
    ['utf16le', 'utf-16le'],
    ['UTF-16-BE', 'utf-16be'],
    ['cp1252', 'windows-1252'],
    ['Windows 1252', 'windows-1252'],
    ['win-1252', 'windows-1252'],
    ['ansi', 'windows-1252'],
    ['latin1', 'iso-8859-1'],
    ['Latin-1', 'iso-8859-1'],
    ['ISO_8859-1', 'iso-8859-1'],
    ['iso8859-1', 'iso-8859-1'],
    ['8859-15', 'iso-8859-15'],
    ['cp1251', 'windows-1251'],
    ['KOI8-R', 'koi8-r'],
    ['Shift-JIS', 'shift_jis'],
    ['GBK', 'gb18030'],
  ])('%s is %s', (value, encoding) => {
    expect(parseEncoding(value)).toBe(encoding);
  });

  test.each(['', 'utf', 'cp1', 'klingon', 'iso-8859'])('%j is none, and the error lists them', (value) => {
    expect(() => parseEncoding(value)).toThrow(UsageError);
    expect(() => parseEncoding(value)).toThrow(ENCODINGS.join(', '));
  });

  test('each is its own name, and can be read', async () => {
    for (const encoding of ENCODINGS) {
      expect(parseEncoding(encoding.toUpperCase())).toBe(encoding);
      const content = encoding.startsWith('utf-16') ? (encoding === 'utf-16be' ? utf16be : utf16le)('a\n') : 'a\n';
      expect((await read(Buffer.from(content), { format: 'txt', encoding })).texts).toEqual(['a']);
    }
  });
});

describe('--encoding', () => {
  test.each([
    ['windows-1252', latin1('id,text\n1,\x93caf\xe9\x94 \x80\n'), '“café” €'],
    ['iso-8859-1', latin1('id,text\n1,caf\xe9 \xff\n'), 'café ÿ'],
    ['iso-8859-15', latin1('id,text\n1,\xa4 \xe9\n'), '€ é'],
    ['windows-1251', latin1('id,text\n1,\xc4\xf3\xf0\xe0\xea\n'), 'Дурак'],
    ['koi8-r', latin1('id,text\n1,\xe4\xd5\xd2\xc1\xcb\n'), 'Дурак'],
    ['utf-16le', utf16le('id,text\n1,Дурак 😀\n'), 'Дурак 😀'],
    ['utf-16be', utf16be('id,text\r\n1,Дурак 😀\r\n'), 'Дурак 😀'],
    ['utf-16', utf16be('\ufeffid,text\n1,Дурак 😀\n'), 'Дурак 😀'],
    ['utf-16', utf16be('id,text\n1,Дурак 😀\n'), 'Дурак 😀'],
    ['utf-16le', utf16le('\ufefftext\nДурак, 😀\n'.replace(', ', ' ')), 'Дурак 😀'],
    ['utf-8', Buffer.from('\ufeffid,text\n1,Дурак 😀\n'), 'Дурак 😀'],
    ['shift_jis', latin1('id,text\n1,\x93\xfa\x96\x7b\n'), '日本'],
    ['gb18030', latin1('id,text\n1,\xd6\xd0\xce\xc4\n'), '中文'],
    ['euc-kr', latin1('id,text\n1,\xc7\xd1\n'), '한'],
  ] as const)('%s', async (encoding, content, text) => {
    expect(await read(content, { format: 'csv', encoding })).toEqual({ texts: [text], messages: [], notes: [] });
  });

  test('text and JSONL; compressed', async () => {
    const options = { encoding: 'windows-1252' } as const;
    expect((await read(latin1('\x93a\x94\n'), { format: 'txt', ...options })).texts).toEqual(['“a”']);
    expect((await read(latin1('{"text":"\xe9"}\n'), { format: 'jsonl', ...options })).texts).toEqual(['é']);
    const packed = gzipSync(utf16le('\ufefftext\nДурак\n'));
    expect((await read(packed, { format: 'csv' })).texts).toEqual(['Дурак']);
  });

  test('long UTF-16 without a Latin letter is text and not taken for binary data', async () => {
    const line = 'Ты дурак и болван';
    const content = utf16le(`${line}\n`.repeat(200));
    expect((await read(content, { format: 'txt', encoding: 'utf-16le' })).texts).toEqual(Array(200).fill(line));
  });

  test.each([
    ['windows-1252', latin1('a\n\xe9 \x81\nb\n'), 'is not windows-1252 (byte 0x81), as --encoding says'],
    ['windows-1250', latin1('a\n\x83\nb\n'), 'is not windows-1250 (byte 0x83)'],
    ['iso-8859-3', latin1('a\n\xa5\nb\n'), 'is not iso-8859-3 (byte 0xA5)'],
    ['utf-16le', utf16le('a\n\ud83d!\nb\n'), 'is not utf-16le (bytes that are no character)'],
    ['utf-16be', utf16be('a\n\ude00!\nb\n'), 'is not utf-16be (bytes that are no character)'],
    ['shift_jis', latin1('a\n\xff\nb\n'), 'is not shift_jis (bytes that are no character)'],
  ] as const)('%s: bytes that it does not have are errors of their row alone', async (encoding, content, message) => {
    const { texts, messages } = await read(content, { format: 'txt', encoding });
    expect(texts).toEqual(['a', '[not_in_encoding]', 'b']);
    expect(messages.join()).toContain(`standard input, line 2: ${message}`);
  });

  test('half a character at the end', async () => {
    const half = utf16le('a\nb').subarray(0, -1);
    expect((await read(half, { format: 'txt', encoding: 'utf-16le' })).texts).toEqual(['a', '[not_in_encoding]']);
    const pair = utf16le('a\n😀').subarray(0, -2);
    expect((await read(pair, { format: 'txt', encoding: 'utf-16le' })).texts).toEqual(['a', '[not_in_encoding]']);
  });

  test('bytes of UTF-8 that are asked for as such', async () => {
    const { texts, messages } = await read(latin1('a\n\xe9\n'), { format: 'txt', encoding: 'utf-8' });
    expect(texts).toEqual(['a', '[not_utf8]']);
    expect(messages.join()).toContain('is not utf-8 (byte 0xE9), as --encoding says');
  });
});

describe('an encoding that is not what the bytes say', () => {
  test('a byte order mark of UTF-16 is enough, and is told', async () => {
    for (const [encode, name] of [
      [utf16le, 'utf-16le'],
      [utf16be, 'utf-16be'],
    ] as const) {
      const { texts, notes } = await read(encode('\ufefftext\nhello\n'), { format: 'csv' });
      expect(texts).toEqual(['hello']);
      expect(notes).toEqual([`standard input: is read as ${name}, as its byte order mark says`]);
    }
  });

  test.each([
    [{}, utf16le('text\nhello\n'), /looks like UTF-16 without a byte order mark; say --encoding utf-16le/],
    [{}, utf16be('text\nhello\n'), /say --encoding utf-16be/],
    [{}, latin1('t\xe9xt\nhello\n'), /line 1: the header is not UTF-8; .* --encoding windows-1252/],
    [{}, Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), /is UTF-32/],
    [{ encoding: 'windows-1252' }, Buffer.from('\ufefftext\nhello\n'), /byte order mark of utf-8, but --encoding says/],
    [{ encoding: 'utf-16le' }, utf16be('\ufefftext\nhello\n'), /byte order mark of utf-16be, but/],
    [{ encoding: 'utf-16le' }, utf16be('text\nhello\n'), /looks like utf-16be, but --encoding says utf-16le/],
    [{ encoding: 'utf-16' }, Buffer.from(`text\n${'hello\n'.repeat(20)}`), /is not UTF-16, as --encoding says/],
    [{ encoding: 'utf-8' }, utf16le('text\nhello\n'), /looks like UTF-16/],
  ] as const)('%j: %s', async (options, content, message) => {
    const opening = openPieces([content], { format: 'csv', ...options });
    await expect(opening).rejects.toBeInstanceOf(DatasetError);
    await expect(opening).rejects.toThrow(message);
  });

  test('UTF-8 that is read as something else is told', async () => {
    const { texts, notes } = await read(Buffer.from('café\n'), { format: 'txt', encoding: 'windows-1252' });
    expect(texts).toEqual(['cafÃ©']);
    expect(notes.join()).toContain('looks like UTF-8, and is read as windows-1252');
    expect((await read(latin1('caf\xe9\n'), { format: 'txt', encoding: 'windows-1252' })).notes).toEqual([]);
  });
});

/** What Python's codecs make of each byte from 0x80 on, with U+FFFD where they have none. */
function byPython(encoding: string): string[] | null {
  try {
    const code = `import sys; print(" ".join(hex(ord(bytes([b]).decode(sys.argv[1], "replace")))[2:] for b in range(128, 256)))`;
    return execFileSync('python3', ['-c', code, encoding], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split(' ');
  } catch {
    return null;
  }
}
const hasPython = byPython('latin-1') !== null;

test.runIf(hasPython)('encodings of one byte have the characters that they have in Python', async () => {
  // Python leaves to these what newer editions have added, or has other private characters.
  const others = new Set(['koi8-u', 'macintosh', 'windows-1255', 'iso-8859-8', 'ibm866']);
  for (const encoding of ENCODINGS.filter((name) => /^(windows|iso|koi)/.test(name) && !others.has(name))) {
    const codes = byPython(encoding);
    const bytes = Buffer.concat(Array.from({ length: 128 }, (_, at) => Buffer.from([0x78, 0x80 + at, 0x0a])));
    const { texts } = await read(bytes, { format: 'txt', encoding });
    const found = texts.map((text) => (text.startsWith('[') ? 'fffd' : (text.codePointAt(1) ?? 0).toString(16)));
    expect([encoding, ...found]).toEqual([encoding, ...(codes ?? [])]);
  }
});
