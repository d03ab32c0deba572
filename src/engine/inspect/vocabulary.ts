import { loadTokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { readTokenizerFiles } from '../checkpoint/tokenizer/tokenizer-files.ts';
import { kindOf } from './tokenizer-facts.ts';

/** Counts of a tokenizer over texts. */
interface TokenCounts {
  /** Runs of characters that are not white space. */
  readonly words: number;
  /** Without special tokens. */
  readonly tokens: number;
}

/**
 * Counts the tokens of whole texts, however long they are.
 *
 * @param vocabulary rows of the model's embedding table
 * @throws CheckpointError if the folder has no tokenizer that can be loaded
 */
export function countTokens(folder: string, vocabulary: number, texts: readonly string[]): TokenCounts {
  const tokenizer = loadTokenizer(folder, vocabulary);
  const special = tokenizer.count('');
  let words = 0;
  let tokens = 0;
  for (const text of texts) {
    words += text.match(/\S+/gu)?.length ?? 0;
    tokens += tokenizer.count(text) - special;
  }
  return { words, tokens };
}

/**
 * The texts that the tokens of a checkpoint stand for, without special tokens, so that different kinds of tokenizers can be
 * compared. A space before a token means that it starts a word (`Ġthe`, `▁the` and WordPiece's `the` are all ` the`).
 *
 * @throws CheckpointError if the folder has no tokenizer that can be read
 */
export function surfaceVocabulary(folder: string): ReadonlySet<string> {
  const { tokenizer } = readTokenizerFiles(folder);
  const kind = kindOf(tokenizer);
  const special = specialTokens(tokenizer.added_tokens);
  const surface = kind === 'byte-level BPE' ? bytesOf : kind === 'WordPiece' ? wordPiece : metaspace;
  const found = new Set<string>();
  for (const token of tokensOf(tokenizer.model)) if (!special.has(token)) found.add(surface(token));
  return found;
}

/** The keys of `vocab` in BPE and WordPiece; the first of each pair in Unigram. */
function tokensOf(model: unknown): string[] {
  const vocab = typeof model === 'object' && model !== null && 'vocab' in model ? model.vocab : null;
  if (Array.isArray(vocab)) return vocab.flatMap((pair) => (Array.isArray(pair) ? [String(pair[0])] : []));
  return typeof vocab === 'object' && vocab !== null ? Object.keys(vocab) : [];
}

function specialTokens(added: unknown): ReadonlySet<string> {
  const special = new Set<string>();
  for (const token of Array.isArray(added) ? added : []) {
    if (token?.special === true && typeof token.content === 'string') special.add(token.content);
  }
  return special;
}

const metaspace = (token: string): string => token.replaceAll('▁', ' ');
const wordPiece = (token: string): string => (token.startsWith('##') ? token.slice(2) : ` ${token}`);

/** GPT-2 writes bytes without a printable character as characters from U+0100 on, in order. */
const BYTES: ReadonlyMap<string, number> = (() => {
  const table = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    table.set(String.fromCharCode(prints ? byte : next++), byte);
  }
  return table;
})();

function bytesOf(token: string): string {
  const bytes = Buffer.from([...token].map((character) => BYTES.get(character) ?? 0));
  const text = bytes.toString('utf8');
  // Part of a character is not text: it equals only the same bytes.
  return text.includes('\ufffd') ? `bytes ${bytes.toString('hex')}` : text;
}
