import type { FixedEncoding } from './encoding.ts';

/** What windows-1252 has in place of the controls 0x80 to 0x9F; U+FFFD where it has nothing. Some versions of Node have it wrong. */
const WINDOWS_1252 = '€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ';

/**
 * A reader of an encoding with one byte per character, which has ASCII as it is.
 * A byte without a character becomes U+DC00 + byte.
 *
 * @param onInvalid called when there was one
 */
export function createByteReader(encoding: FixedEncoding, onInvalid: () => void): (bytes: Buffer) => string {
  const characters = new Map<string, string>();
  for (let byte = 0x80; byte <= 0xff; byte++) {
    const plain = String.fromCharCode(byte);
    const character = characterOf(encoding, byte);
    if (character !== plain) characters.set(plain, character);
  }
  if (characters.size === 0) return (bytes) => bytes.toString('latin1');
  const others = new RegExp(`[${[...characters.keys()].join('')}]`, 'g');
  return (bytes) => {
    const text = bytes.toString('latin1').replace(others, (plain) => characters.get(plain) ?? plain);
    if (/[\udc80-\udcff]/.test(text)) onInvalid();
    return text;
  };
}

function characterOf(encoding: FixedEncoding, byte: number): string {
  if (encoding === 'iso-8859-1') return String.fromCharCode(byte);
  const isControl = byte < 0xa0;
  const character =
    encoding !== 'windows-1252'
      ? new TextDecoder(encoding).decode(Uint8Array.of(byte))
      : isControl
        ? WINDOWS_1252.charAt(byte - 0x80)
        : String.fromCharCode(byte);
  // The platform fills the gaps of Windows' code pages with control characters.
  const isGap = encoding.startsWith('windows-') && /[\x80-\x9f]/.test(character);
  return character === '\ufffd' || isGap ? String.fromCharCode(0xdc00 + byte) : character;
}
