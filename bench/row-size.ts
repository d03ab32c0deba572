/**
 * CPU time of what a row goes through before and after the models, at 64 KiB, 256 KiB and 1 MiB of texts that are hard to read.
 *
 *   npm run bench -- row-size [--only lex]
 *
 * Prints milliseconds for each function and text where the largest takes more than 8 times as long as the middle one (4 is linear), and the slowest
 * text of each function. No models are loaded: a window is counted in bytes.
 */

import { displayWidth } from '../src/cli/terminal/text-width.ts';
import { chrf } from '../src/detox/chrf.ts';
import { closeGap, openGap } from '../src/detox/gaps.ts';
import { stammers } from '../src/detox/guards.ts';
import { joinForms, lex } from '../src/detox/model-form.ts';
import { outputForms, planPieces } from '../src/detox/plan.ts';
import { createReader } from '../src/detox/reading.ts';
import { sentenceStarts } from '../src/detox/sentence-starts.ts';
import { splitSegments } from '../src/detox/sentences.ts';
import { renderPieces } from '../src/detox/surface.ts';
import { cutIntoWindows } from '../src/detox/windows.ts';

const KIB = 1024;
const SIZES = [64 * KIB, 256 * KIB, 1024 * KIB];
/** Growth from 256 KiB to 1 MiB that is pointed out, and time below which it is noise, in ms. */
const [MOST_GROWTH, NOISE_MS] = [8, 50];
const WINDOW = { maxInputTokens: 128, countTokens: (form: string) => Buffer.byteLength(form) };

const UNITS = [
  'A row of plain words, with a comma. ',
  ...[
    'a',
    'A',
    '1',
    '$',
    '@$$',
    ' ',
    '\n',
    '. ',
    'a. ',
    '"',
    "'",
    '*',
    '`',
    '*a',
    '\u0301',
    'e\u0301',
    '你',
    '。',
    '한',
    'ก',
    '😀',
    '👩\u200d👧 ',
  ],
  ...[
    '\u200d',
    '🇩🇪',
    'a\n',
    '(',
    '()',
    '[*',
    '1.',
    'http://',
    'www.a ',
    '@a ',
    'a,',
    "a's ",
    'U.S.',
    '\ufdfa',
    'e.g. ',
    'a-',
    '** ',
    '\u2028',
  ],
];

const FUNCTIONS: Record<string, (text: string) => unknown> = {
  lex,
  sentenceStarts: (text) => [...sentenceStarts(text)],
  splitSegments: (text) => splitSegments(text, lex(text), (form) => form.length < 500),
  read: (text) => createReader({ ...WINDOW, score: () => Promise.resolve([]) } as never, WINDOW)(text),
  cutIntoWindows: (text) => cutIntoWindows(text, 128),
  chrf: (text) => chrf(`x${text}y`, `y${text}x`),
  gaps: (text) => [
    closeGap([text, text], { atStart: false, atEnd: false, tightLeft: false, tightRight: false }),
    openGap([text, text, text]),
  ],
  outputForms: (text) => outputForms(text, []),
  stammers: (text) => stammers(text.split(' '), text.split(' ')),
  render: (text) => {
    const tokens = lex(text);
    const pieces = planPieces(
      tokens,
      tokens.filter((_, at) => at !== 1).map(({ form }) => form),
    );
    return renderPieces(text, { start: 0, end: text.length, tokens, form: joinForms(tokens), fits: true }, pieces);
  },
  displayWidth,
};

const only = process.argv[process.argv.indexOf('--only') + 1];
const chosen = process.argv.includes('--only') ? only : undefined;
for (const [name, run] of Object.entries(FUNCTIONS)) {
  if (chosen !== undefined && name !== chosen) continue;
  let slowest = { ms: 0, unit: '' };
  for (const unit of UNITS) {
    const times: number[] = [];
    for (const size of SIZES) {
      const text = unit.repeat(size / Buffer.byteLength(unit));
      const before = process.cpuUsage();
      run(text);
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1000);
      if ((times.at(-1) ?? 0) > 20_000) break;
    }
    const [, middle = 0] = times;
    const last = times.at(-1) ?? 0;
    if (last > slowest.ms) slowest = { ms: last, unit };
    if (last > NOISE_MS && last > MOST_GROWTH * middle) {
      console.log(
        `${name.padEnd(16)} ${JSON.stringify(unit).padEnd(12)} ${times.map((ms) => ms.toFixed(0).padStart(7)).join('')} ms`,
      );
    }
  }
  console.log(`${name.padEnd(16)} slowest at 1 MiB: ${slowest.ms.toFixed(0)} ms, ${JSON.stringify(slowest.unit)}`);
}
