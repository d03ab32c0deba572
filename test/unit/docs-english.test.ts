import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../support/cli.ts';

/*
 * The plain English of the docs, as far as a machine can see it: no sentence beyond 35 words, "per row" and not "a row", and none
 * of a few words that stand for a missing subject.
 */

const LONGEST_SENTENCE = 35;
/** The reference quotes help texts. */
const PAGES = globSync(['*.md', 'docs/**/*.md', 'models/**/README.md', 'training/*.md', 'deploy/*/README.md'], {
  cwd: ROOT,
}).filter((page) => page !== 'docs/reference.md');

const FORBIDDEN = /\b(?:nobody|somebody|everybody|begun|as ever)\b/gi;
/** "bytes a row", "one chunk a statement": what is counted, then a unit. */
const A_FOR_PER =
  /\b(?:rows?|results?|outcomes?|bytes|µs|ms|tokens?|chunks?|process(?:es)?|objects?|times?|GMAC|copy|copies) an? (?:row|second|token|text|core|chunk|step|machine|home|group|model|line|batch|call|statement|worker)\b/g;

/** Paragraphs, items of lists and cells of tables, without code, targets of links and quotations. */
function textsOf(page: string): string[] {
  const prose = readFileSync(join(ROOT, page), 'utf8')
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .replace(/^ *```[\s\S]*?^ *```/gm, '\n\n')
    .replace(/^ {4}\S.*$/gm, '')
    // Comments of users, word for word.
    .replace(/^\| n\d\d \|.*$/gm, '');
  const blocks = prose.split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=\|)|(?<=\|)\n/);
  return blocks
    .flatMap((block) => (block.trim().startsWith('|') ? block.split('|') : [block]))
    .map((text) =>
      text
        .replace(/`[^`]*`/g, 'x')
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replace(/\([^()]*\)/g, '')
        .replace(/“[^”]*”|"[^"]*"/g, 'x')
        .replace(/\s+/g, ' '),
    );
}

function words(sentence: string): number {
  return sentence.split(' ').filter((word) => /[A-Za-z]/.test(word)).length;
}

describe.each(PAGES)('%s', (page) => {
  test('has short sentences in plain words', () => {
    const texts = textsOf(page);
    const long = texts
      .flatMap((text) => text.split(/(?<=[.!?:;]\*{0,2}) /))
      .filter((sentence) => words(sentence) > LONGEST_SENTENCE);
    const found = texts.flatMap((text) => [...(text.match(FORBIDDEN) ?? []), ...(text.match(A_FOR_PER) ?? [])]);
    expect([...long, ...found]).toEqual([]);
  });
});
