/**
 * The text form that the models see: lower-case tokens with separate punctuation. No other code makes it.
 *
 *     Don't be an IDIOT,Kevin!!     ->  don't be an idiot , kevin !
 *
 * The same lexer made the training text. `training/model_form.py` is the specification; its header explains every kind of
 * token. This file is its port. `test/fixtures/model-form.jsonl` holds the Python output for difficult texts. Patterns use
 * only syntax that both regular-expression engines read alike.
 */

const L = String.raw`\p{L}`;
const LN = String.raw`\p{L}\p{N}`;
const LNMU = String.raw`\p{L}\p{N}\p{M}_`;
const EMOJI = String.raw`\u{1F000}-\u{1FAFF}\u2190-\u21FF\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF\uFE0F\u20E3\u{E0020}-\u{E007F}`;

const URL = String.raw`(?:[hH][tT][tT][pP][sS]?://|[wW][wW][wW]\.)[^\p{Z}\p{Cc}<>]*[^\p{Z}\p{Cc}<>.,!?;:)"'\]*_~\u0060’”]`;
const USER = `(?<![${LNMU}])@(?!ss(?:es|hat|hole|holes|wipe)?(?![${LNMU}]))[${LNMU}]+`;
const TRIVIA = String.raw`[${EMOJI}\p{Cc}\p{Cf}\p{Co}]+`;
const DOTS = String.raw`\.{2,}|…`;
const NUMBER = `[0-9]+(?:[.,:/][0-9]+)+(?![${LNMU}])`;
// `f**`, `sh****`: a stem, then stars to the end. Not after a star: that is the end of `**bold**`.
const STARRED = String.raw`(?<![${LNMU}*])(?:${L}{1,2}\*{2,}|${L}{1,6}\*{3,})(?![${LNMU}*])`;
const SIGNS = '[_*@$#%&]';
const SIGNS_INSIDE = `${SIGNS}+(?=[${LN}])`; // f*ck, f@ck, fu#k, snake_case, at&t
const WORD_INNER = [
  String.raw`[${LN}\p{M}]`,
  // From the first sign of a run only. Otherwise the run would be scanned once for each of its signs.
  `(?<!${SIGNS})${SIGNS_INSIDE}`,
  String.raw`['’\-](?=[${LN}])`, // don't, half-assed
  String.raw`(?<!\p{Ll})[.!](?=${L})|[.!](?=[\p{Ll}\p{N}])`, // sh!t, U.S, utils.py; not `it.Then`
  String.raw`(?<=[${L}$@])\$`, // a$$
].join('|');
const CLITIC = ` ?['’](?:[tTsSdDmM]|[rR][eE]|[lL][lL]|[vV][eE])(?![${LNMU}'’])`;
const MARK = String.raw`\*+|_+|~+|\u0060+`;
const POINT = String.raw`[\p{P}\p{S}\p{M}]`;

function createLexer(wordStart: string): RegExp {
  const word = `(?:${STARRED}|(?:${wordStart})(?:${WORD_INNER})*)(?:${CLITIC})?`;
  return new RegExp(
    `(?<url>${URL})|(?<user>${USER})|(?<trivia>${TRIVIA})|(?<dots>${DOTS})|(?<number>${NUMBER})` +
      `|(?<word>${word})|(?<mark>${MARK})|(?<point>${POINT})`,
    'gu',
  );
}

const WORD_START = String.raw`#?[${LN}]|\$(?=${L})|@(?=ss)|@(?=\$\$)`;
/** After a start with `@$$` the run of signs goes on, and no letter need be before it. */
const LEXER = createLexer(`${WORD_START}(?:${SIGNS_INSIDE})?`);
/** Within a run of signs that is known to end without a letter, so that a run of `@$$` is looked through once. */
const LEXER_IN_SIGNS = createLexer(WORD_START);
const SIGN_RUN = new RegExp(`${SIGNS}+`, 'y');

const ASCII: ReadonlyMap<string, string> = new Map(
  Object.entries({ "'": '’‘‚‛′´ʼ', '"': '“”„‟″«»', '-': '‐‑‒–—―−', '!': '‼⁉', '?': '⁇⁈' }).flatMap(([ascii, others]) =>
    [...others].map((other): [string, string] => [other, ascii]),
  ),
);
const MAPPED = new RegExp(`[${[...ASCII.keys()].join('')}]`, 'gu');
const SPACE = /[\p{Z}\p{Cc}]+/gu;
/** More marks in a row than any script has. The two halfwidth marks become normal marks. */
const MARK_RUN = /[\p{M}\uFF9E\uFF9F]{31}/u;
const MARK_RUN_PARTS = /\P{M}*\p{M}{0,30}/gu;
const PLAIN_LOWER = /^[a-z0-9'.,:/-]*$/;

type TokenKind = 'url' | 'user' | 'dots' | 'number' | 'word' | 'point';

/** Replacements of links and mentions in the model form. */
export const LINK_FORM = 'urlx';
export const MENTION_FORM = '@userx';

export interface Token {
  /** As the models see it; without white space. */
  readonly form: string;
  /** The half-open span in the source, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly kind: TokenKind;
}

/** The tokens of `text` in order. Emoji, control characters and Markdown marks are not tokens. Time is linear in the text. */
export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let signsEnd = 0;
  for (;;) {
    const lexer = at < signsEnd ? LEXER_IN_SIGNS : LEXER;
    lexer.lastIndex = at;
    const found = lexer.exec(text);
    if (!found) return tokens;
    const [raw] = found;
    const groups = found.groups ?? {};
    const start = found.index;
    let end = start + raw.length;
    if (groups.word !== undefined) {
      tokens.push({ form: wordForm(raw), start, end, kind: 'word' });
      if (end > signsEnd && raw.startsWith('@$$')) signsEnd = endOfSigns(text, start);
    } else if (groups.point !== undefined) {
      while (text.startsWith(raw, end)) end += raw.length;
      tokens.push({ form: pointForm(raw), start, end, kind: 'point' });
    } else if (groups.number !== undefined) tokens.push({ form: wordForm(raw), start, end, kind: 'number' });
    else if (groups.url !== undefined) tokens.push({ form: LINK_FORM, start, end, kind: 'url' });
    else if (groups.user !== undefined) tokens.push({ form: MENTION_FORM, start, end, kind: 'user' });
    else if (groups.dots !== undefined) tokens.push({ form: '...', start, end, kind: 'dots' });
    at = end;
  }
}

function endOfSigns(text: string, from: number): number {
  SIGN_RUN.lastIndex = from;
  SIGN_RUN.test(text);
  return SIGN_RUN.lastIndex;
}

export function joinForms(tokens: readonly Token[]): string {
  return tokens.map((token) => token.form).join(' ');
}

/** `text` as the models see it: the forms of its tokens, separated by single spaces. */
export function toModelForm(text: string): string {
  return joinForms(lex(text));
}

/** `Don ’T` -> `don't` */
function wordForm(raw: string): string {
  if (PLAIN_LOWER.test(raw)) return raw;
  const ascii = raw.replace(MAPPED, (char) => ASCII.get(char) ?? char);
  return compatible(ascii).toLowerCase().replace(SPACE, '');
}

/**
 * NFKC. At most 30 marks in a row are sorted at a time, as in Unicode's stream-safe format, because sorting takes quadratic
 * time.
 */
function compatible(text: string): string {
  if (!MARK_RUN.test(text)) return text.normalize('NFKC');
  return (text.match(MARK_RUN_PARTS) ?? []).map((part) => part.normalize('NFKC')).join('');
}

/** Maps one character of punctuation to its ASCII or compatibility form. */
function pointForm(raw: string): string {
  const ascii = ASCII.get(raw);
  if (ascii !== undefined) return ascii;
  const normal = raw.normalize('NFKC');
  return [...normal].length === 1 ? normal : raw;
}
