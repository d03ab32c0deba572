import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/producer/decode.ts';
import { type FixedEncoding, parseEncoding } from '../../src/producer/encoding.ts';

/** The text in one piece and byte by byte, which must be the same; lone surrogates stand for what is no character. */
function decoded(name: string, hex: string): string {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const encoding = parseEncoding(name) as FixedEncoding;
  const [whole, pieces] = [createDecoder(encoding), createDecoder(encoding)];
  const text = whole.decode(bytes) + whole.end();
  let joined = '';
  for (const byte of bytes) joined += pieces.decode(Buffer.of(byte));
  expect(joined + pieces.end()).toBe(text);
  expect(pieces.takeInvalid()).toBe(/\p{Cs}/u.test(text));
  expect(whole.takeInvalid()).toBe(/\p{Cs}/u.test(text));
  return text;
}

describe('bytes that Python wrote', () => {
  test.each([
    ['cp949', '8c63 b9e6 b0a2 c7cf 20 a4bb 0a 94ee 312c 41', '똠방각하 ㅋ\n뷁1,A'],
    ['uhc', '8141 8142 c652', '갂갃힣'],
    ['windows-949', 'b0a1 c8fe fdfe', '가힝詰'],
    ['euc-kr', 'c7d1 b1db 41', '한글A'],
    ['euc-kr', 'a4d4 a4a8 a4c7 a4b1 b9e6 a4d4 a4a1 a4bf a4d4', '똠방가'],
    ['big5', 'a7daadc7 0a b35c 5c f9d8', '我倆\n許\\裏'],
    ['cp950', 'a4a4 a4e5 a3e1 f9fe', '中文€▓'],
    ['big5-hkscs', '886288648866 fa40 fefe 41', 'Ê̄Ê̌Ê𠕇秔A'],
    ['shift_jis', '93fa 967b b1b2 835c 5c 1a 1c 7f', '日本ｱｲソ\\\x1a\x1c\x7f'],
    ['cp932', '8740 fbfc 8160 a1 1a', '①髙～｡\x1a'],
    ['euc-jp', 'c6fc cbdc 8eb1 8fb0a1 1a', '日本ｱ丂\x1a'],
    ['gbk', 'd6d0 cec4 8140', '中文丂'],
    ['gb18030', 'd6d0 8130 8130 9439 fc36 e3329a35', '中\x80😀\u{10ffff}'],
  ])('%s %s', (name, hex, text) => {
    expect(decoded(name, hex)).toBe(text);
  });

  test.each([
    // Private characters, or bytes that different machines read differently.
    ['big5', '41 c7b3 42'],
    ['cp932', '41 f040 42'],
    ['euc-kr', '41 c9a1 42'],
    ['euc-jp', '41 f5a1 42'],
    // Half a character before ASCII, and a byte that begins none.
    ['big5-hkscs', '41 87 0a 42'],
    ['euc-kr', '41 ff 42'],
    ['euc-kr', '41 a4d4 ff 42'],
    ['shift_jis', '41 8120 42'],
  ])('%s %s holds what is no character, and keeps the letters around it', (name, hex) => {
    expect(decoded(name, hex)).toMatch(/^A.*\p{Cs}.*B$/su);
  });
});

/** Every character that a codec of Python can write, with its bytes; null without Python. */
function everyCharacter(codec: string): [string, string][] | null {
  const code = `import sys
for c in range(128, 0x30000):
    if 0xd800 <= c < 0xf900: continue
    try: print(chr(c).encode(sys.argv[1]).hex(), "%x" % c)
    except UnicodeEncodeError: pass`;
  try {
    return execFileSync('python3', ['-c', code, codec], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1e8,
    })
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]);
  } catch {
    return null;
  }
}

/** Pairs of characters that look the same, of which Microsoft chose the other one, with the web after it. */
const LIKE = '¢￠ £￡ ¬￢ ‖∥ −－ 〜～ ¥\\ ‾~ ¥￥ •‧ ‾¯ ∼～ ☉⊙ ♁⊕ ／∕ ＼﹨ ､﹑ ―— ・·'.split(' ');

describe.runIf(everyCharacter('ascii') !== null)('every character of a codec of Python', () => {
  test.each([
    ['cp949', 'cp949', 0],
    ['euc_kr', 'euc-kr', 0],
    ['cp932', 'cp932', 0],
    ['shift_jis', 'shift_jis', 0],
    ['euc_jp', 'euc-jp', 0],
    ['gbk', 'gbk', 0],
    ['gb2312', 'gb2312', 0],
    // 249 pairs differ between the two that are called Big5; they are refused under this name.
    ['big5', 'big5', 249],
    ['cp950', 'cp950', 249],
    ['big5hkscs', 'big5-hkscs', 0],
  ])('%s', (codec, name, refusals) => {
    const decoder = createDecoder(parseEncoding(name) as FixedEncoding);
    let refused = 0;
    const wrong: string[] = [];
    for (const [hex, code] of everyCharacter(codec) ?? []) {
      const want = String.fromCodePoint(Number.parseInt(code, 16));
      const text = decoder.decode(Buffer.from(`${hex}0a`, 'hex')).slice(0, -1);
      if (/\p{Cs}/u.test(text)) refused += 1;
      else if (text !== want && !LIKE.includes(want + text)) wrong.push(`${hex} is ${want} and not ${text}`);
    }
    expect(wrong).toEqual([]);
    expect(refused).toBe(refusals);
  });
});
