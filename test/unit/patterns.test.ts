import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { analyse } from 'scslre';
import { parseSync } from 'vite';
import { describe, expect, test, vi } from 'vitest';
import { lex } from '../../src/detox/model-form.ts';

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url));

/** A regular expression of the sources, and where it stands. */
interface Pattern {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

/** Stands for what an expression gets only when the program runs. */
const STAND_IN = 'A'; // also a hexadecimal digit, for `\\u{…}`
/** What is compared for time, in UTF-16 units. In the square it takes 16 times as long, in a line 4 times. */
const [SHORT, LONG] = [8192, 32_768];
/** CPU time below this is noise, in ms. A square at the long size is far above. */
const NOISE_MS = 40;
const MOST_GROWTH = 9;
/** General units of a hostile text; those of the expression itself come to it. */
const UNITS = ['a', '1', '$', ' ', '"', '\n', '\\', ',', '\u0301', '你', '👩\u200d👧', 'a ', '@$$', '{,', '|-', '" '];
const ROOT = 'src';

type Tree = Readonly<Record<string, unknown>>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null;
}

/** All nodes of a syntax tree, and whether each stands in a function. */
function* nodesOf(value: unknown, inFunction = false): Generator<{ node: Tree; inFunction: boolean }> {
  if (!isTree(value)) return;
  yield { node: value, inFunction };
  const isFunction = /Function/.test(String(value.type));
  for (const child of Object.values(value)) yield* nodesOf(child, inFunction || isFunction);
}

/** The string that an expression surely is, with a stand-in for what is not written there. */
function textOf(node: unknown): string {
  if (!isTree(node)) return STAND_IN;
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TaggedTemplateExpression') return textOf(node.quasi);
  if (node.type === 'TemplateLiteral' && Array.isArray(node.quasis)) {
    return node.quasis
      .map((part: { value: { cooked: string | null; raw: string } }) => part.value.cooked ?? part.value.raw)
      .join(STAND_IN);
  }
  if (node.type === 'BinaryExpression') return textOf(node.left) + textOf(node.right);
  return STAND_IN;
}

const written: Pattern[] = [];
const building = new Set<string>();
for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
  const code = readFileSync(join(SOURCES, file), 'utf8');
  for (const { node } of nodesOf(parseSync(file, code).program)) {
    const place = `${ROOT}/${file}:${code.slice(0, Number(node.start)).split('\n').length}`;
    if (node.type === 'Literal' && isTree(node.regex)) {
      written.push({ place, source: String(node.regex.pattern), flags: String(node.regex.flags) });
    }
    const isBuilt =
      /^(New|Call)Expression$/.test(String(node.type)) && isTree(node.callee) && node.callee.name === 'RegExp';
    if (isBuilt && Array.isArray(node.arguments)) {
      building.add(file);
      const flags = node.arguments[1] === undefined ? '' : textOf(node.arguments[1]);
      written.push({ place, source: textOf(node.arguments[0]), flags: /^[dgimsuvy]*$/.test(flags) ? flags : '' });
    }
  }
}

/** Those that modules build when they are loaded, as they are then. */
async function builtPatterns(): Promise<Pattern[]> {
  const built: Pattern[] = [];
  let place = '';
  class Recorded extends RegExp {
    constructor(source: string | RegExp, flags?: string) {
      super(source, flags);
      // Not those of libraries that come with a module.
      const caller = new Error().stack?.split('\n')[2] ?? '';
      if (caller.includes(`/${ROOT}/`) && !caller.includes('node_modules'))
        built.push({ place, source: this.source, flags: this.flags });
    }
    static override get [Symbol.species]() {
      return RegExp;
    }
  }
  vi.stubGlobal('RegExp', Recorded);
  try {
    for (const file of building) {
      place = `${ROOT}/${file}`;
      await import(join(SOURCES, file));
    }
  } finally {
    vi.unstubAllGlobals();
  }
  return built;
}

const patterns = [...written, ...(await builtPatterns())];

/** Runs of what the expression speaks of: its literals and escapes, alone and in pairs. */
function unitsOf({ source }: Pattern): string[] {
  const plain = source.replaceAll(/\(\?<?[=!:]|\(\?<\w+>|\\[pP]\{[^}]*\}|\\u\{?[0-9a-fA-F]+\}?|\\[a-zA-Z]/g, '');
  const own = [...new Set(plain.replaceAll(/[\\^()[\]?+]/g, ''))].slice(0, 8);
  const pairs = own.slice(0, 4).flatMap((one) => own.slice(0, 4).map((other) => one + other));
  const words = plain.match(/[\p{L}:/@.-]{2,}/gu) ?? [];
  return [...new Set([...UNITS, ...own, ...pairs, ...words.slice(0, 4)])];
}

/** It finds something at every letter, digit and mark, so it never starts anew within a run; `lex` is what is timed. */
function isLexer(source: string): boolean {
  return source.includes('(?<trivia>');
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** CPU time to find all matches in a text; of three tries the least, where it matters. */
function timeOf({ source, flags }: Pattern, text: string): number {
  const expression = new RegExp(source, flags.replace(/[gy]/g, '') + (flags.includes('y') ? 'y' : 'g'));
  const once = () => cpuMs(() => void (isLexer(source) ? lex(text) : text.replace(expression, '')));
  const first = once();
  return first < NOISE_MS ? first : Math.min(first, once(), once());
}

test('the sources have regular expressions, and those that are built are found', () => {
  expect(written.length).toBeGreaterThan(200);
  expect(patterns.some(({ source }) => isLexer(source))).toBe(true);
});

describe('time is linear in the text', () => {
  test('by analysis of every expression: no two of its parts can share a run of characters', () => {
    const reported = patterns.flatMap(({ place, source, flags }) =>
      analyse({ source, flags }, { reportTypes: { Move: !flags.includes('y') && !isLexer(source) } }).reports.map(
        ({ type, character }) => `${place}: ${type} of ${character.pick} in /${source.slice(0, 200)}/${flags}`,
      ),
    );
    expect(reported).toEqual([]);
  }, 60_000);

  test('by the clock: four times the text takes at most nine times as long', () => {
    const slow: string[] = [];
    for (const pattern of patterns) {
      for (const unit of unitsOf(pattern)) {
        for (const [start, end] of [
          ['', '\u0000'],
          ['a', '!\n'],
        ] as const) {
          const text = (size: number): string => start + unit.repeat(size / unit.length) + end;
          const long = timeOf(pattern, text(LONG));
          if (long < NOISE_MS) continue;
          const short = timeOf(pattern, text(SHORT));
          if (long > MOST_GROWTH * short)
            slow.push(`${pattern.place}: ${JSON.stringify(unit)} ${short} ms, ${long} ms`);
        }
      }
    }
    expect(slow).toEqual([]);
  }, 120_000);
});
