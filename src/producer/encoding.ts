import { UsageError } from '../contract/errors.ts';

/** Encodings with one byte per character, beside ISO 8859-1 and windows-1252. */
const BYTE_ENCODINGS = [
  ...[1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => `windows-${page}` as const),
  ...[2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15].map((part) => `iso-8859-${part}` as const),
  'koi8-r',
  'koi8-u',
  'macintosh',
  'ibm866',
] as const;
/** Encodings of East Asia with one or two bytes per character. */
const PAIR_ENCODINGS = ['shift_jis', 'big5', 'big5-hkscs', 'euc-kr'] as const;
/** Others of East Asia, with up to four bytes per character. */
const LONG_ENCODINGS = ['euc-jp', 'gb18030'] as const;

export const ENCODINGS = [
  'utf-8',
  'utf-16',
  'utf-16le',
  'utf-16be',
  'windows-1252',
  'iso-8859-1',
  ...BYTE_ENCODINGS,
  ...PAIR_ENCODINGS,
  ...LONG_ENCODINGS,
] as const;
export type Encoding = (typeof ENCODINGS)[number];
/** An encoding whose byte order is known. */
export type FixedEncoding = Exclude<Encoding, 'utf-16'>;
export type PairEncoding = (typeof PAIR_ENCODINGS)[number];
export type LongEncoding = (typeof LONG_ENCODINGS)[number];

export function isPair(encoding: Encoding): encoding is PairEncoding {
  return PAIR_ENCODINGS.some((pair) => pair === encoding);
}

export function isLong(encoding: Encoding): encoding is LongEncoding {
  return LONG_ENCODINGS.some((long) => long === encoding);
}

/** Names as people write them, without the characters between letters and digits. */
const ALIASES: Readonly<Record<string, Encoding>> = {
  utf8sig: 'utf-8',
  utf8bom: 'utf-8',
  ascii: 'utf-8',
  usascii: 'utf-8',
  unicode: 'utf-16',
  ucs2: 'utf-16',
  ucs2le: 'utf-16le',
  ucs2be: 'utf-16be',
  ansi: 'windows-1252',
  '1252': 'windows-1252',
  western: 'windows-1252',
  l1: 'iso-8859-1',
  latin1: 'iso-8859-1',
  cp819: 'iso-8859-1',
  latin2: 'iso-8859-2',
  latin3: 'iso-8859-3',
  latin4: 'iso-8859-4',
  latin6: 'iso-8859-10',
  latin7: 'iso-8859-13',
  latin8: 'iso-8859-14',
  latin9: 'iso-8859-15',
  koi8: 'koi8-r',
  mac: 'macintosh',
  macroman: 'macintosh',
  cp866: 'ibm866',
  sjis: 'shift_jis',
  cp932: 'shift_jis',
  windows31j: 'shift_jis',
  ms932: 'shift_jis',
  windows932: 'shift_jis',
  gbk: 'gb18030',
  gb2312: 'gb18030',
  cp936: 'gb18030',
  ms936: 'gb18030',
  windows936: 'gb18030',
  cp950: 'big5',
  ms950: 'big5',
  windows950: 'big5',
  hkscs: 'big5-hkscs',
  cp949: 'euc-kr',
  ms949: 'euc-kr',
  windows949: 'euc-kr',
  uhc: 'euc-kr',
  ksc5601: 'euc-kr',
};

/** @throws UsageError, with a list of what there is */
export function parseEncoding(value: string): Encoding {
  const plain = plainOf(value);
  const found =
    ALIASES[plain] ??
    ENCODINGS.find((encoding) => plainOf(encoding) === plain) ??
    ENCODINGS.find((encoding) => plainOf(encoding) === plain.replace(/^(?:cp|win)(?=125\d$)/, 'windows')) ??
    ENCODINGS.find((encoding) => plainOf(encoding) === plain.replace(/^(?:cs)?iso8859(?=\d)|^8859(?=\d)/, 'iso8859'));
  if (found === undefined) {
    throw new UsageError(`It must be one of ${ENCODINGS.join(', ')}. Convert others first.`, {
      code: 'encoding_unknown',
      data: { encoding: value },
    });
  }
  return found;
}

function plainOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
