import { parseTokenizer } from '../checkpoint/tokenizer/tokenizer.ts';
import { readTokenizerFiles, type TokenizerFiles } from '../checkpoint/tokenizer/tokenizer-files.ts';

export interface BadWords {
  /** `bad_words_ids`. */
  readonly ids: number[][];
  /**
   * Words that the tokenizer cannot write: it has no token, or only its unknown one, for a part of them. A ban would hit
   * other words.
   */
  readonly unwritable: readonly string[];
}

/**
 * Makes `bad_words_ids` for words that must never be produced. Each word is given as the checkpoint's tokenizer writes it
 * after a space and without one (`add_prefix_space`), as the documentation of transformers advises. The spelling must match:
 * another case or ending is another word.
 */
export function badWordIds(folder: string, words: readonly string[]): BadWords {
  const files = readTokenizerFiles(folder);
  const [spaced, bare] = [true, false].map((space) => {
    const tokenizer = parseTokenizer({ ...files, tokenizer: withSpace(files.tokenizer, space) });
    return (word: string) => {
      const { ids } = tokenizer.encode(word, { add_special_tokens: false });
      return { ids, text: ids.length === 0 ? '' : tokenizer.decode(ids).trim() };
    };
  });
  const unknown = unknownToken(files);
  const known = new Map<string, number[]>();
  const unwritable: string[] = [];
  for (const word of words) {
    const [after, alone] = [spaced?.(word), bare?.(word)];
    // Some tokenizers split at spaces and write them only before words. They lose the spaces of a phrase without its first
    // one.
    const forms = alone?.text === after?.text ? [alone, after] : [after];
    const writable = forms.flatMap((form) =>
      form === undefined || form.ids.length === 0 || form.ids.some((id: number) => id === unknown) ? [] : [form.ids],
    );
    if (writable.length === 0) unwritable.push(word);
    for (const ids of writable) known.set(ids.join(), ids);
  }
  return { ids: [...known.values()], unwritable };
}

/** Id of the token for unknown text; undefined if the tokenizer knows every byte. */
function unknownToken(files: TokenizerFiles): number | undefined {
  const model: unknown = files.tokenizer.model;
  if (typeof model !== 'object' || model === null) return undefined;
  const { unk_id: id, unk_token: token } = model as { unk_id?: unknown; unk_token?: unknown };
  if (typeof id === 'number') return id;
  return typeof token === 'string' ? parseTokenizer(files).get_vocab(true).get(token) : undefined;
}

/** The same JSON with `add_prefix_space` set in every part that has it: byte-level tokenizers and those of SentencePiece. */
function withSpace(tokenizer: Readonly<Record<string, unknown>>, space: boolean): Record<string, unknown> {
  const change = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(change);
    if (value === null || typeof value !== 'object') return value;
    const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, change(item)]));
    if (copy.type === 'ByteLevel') return { ...copy, add_prefix_space: space };
    if (copy.type !== 'Metaspace') return copy;
    return { ...copy, add_prefix_space: space, prepend_scheme: space ? 'always' : 'never' };
  };
  const { model, ...parts } = tokenizer;
  return { ...(change(parts) as object), model };
}
