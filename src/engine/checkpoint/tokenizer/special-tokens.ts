import { join } from 'node:path';
import { isThere } from '../checkpoint-file.ts';
import { createFields, type Fields, readFields } from '../config/fields.ts';

/** A token that is found in a text before any other step, like `added_tokens` of tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** Settings of a tokenizer besides its vocabulary, from the files of any version of transformers. */
export interface TokenizerSettings {
  /** `tokenizer_config.json`; without fields if there is no such file. */
  readonly config: Fields;
  /** Special tokens by role (`bos_token`, …), including the family's defaults. */
  readonly special: ReadonlyMap<string, string>;
  /** All added tokens, by id. Tokens without an id of their own are looked up in the vocabulary. */
  added(idOf: (token: string) => number | undefined): AddedToken[];
}

const ROLES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;

export function readTokenizerConfig(folder: string): Fields {
  return readIfThere(join(folder, 'tokenizer_config.json'));
}

/**
 * @param defaults special tokens of the family
 * @param lstrip tokens that absorb the spaces before them
 */
export function readTokenizerSettings(
  folder: string,
  defaults: Readonly<Record<string, string>>,
  lstrip: readonly string[] = [],
): TokenizerSettings {
  const config = readTokenizerConfig(folder);
  const map = readIfThere(join(folder, 'special_tokens_map.json'));
  const old = readIfThere(join(folder, 'added_tokens.json'));
  const special = new Map(Object.entries(defaults));
  const shapes = new Map<string, Partial<AddedToken>>();
  for (const fields of [config, map]) {
    for (const role of ROLES) {
      const token = readToken(fields.raw(role));
      if (token === null) continue;
      special.set(role, token.content);
      shapes.set(token.content, token);
    }
  }
  const more = [config, map].flatMap((fields) => {
    const list = fields.raw('additional_special_tokens');
    return (Array.isArray(list) ? list : []).flatMap((value) => readToken(value)?.content ?? []);
  });
  const specials = new Set([...special.values(), ...more]);

  return {
    config,
    special,
    added(idOf) {
      const tokens = new Map<number, AddedToken>();
      const add = (id: number | undefined, content: string, shape: Partial<AddedToken> = {}) => {
        if (id === undefined || tokens.has(id)) return;
        const isSpecial = shape.special ?? specials.has(content);
        tokens.set(id, {
          id,
          content,
          single_word: shape.single_word ?? false,
          lstrip: shape.lstrip ?? lstrip.includes(content),
          rstrip: shape.rstrip ?? false,
          normalized: shape.normalized ?? !isSpecial,
          special: isSpecial,
        });
      };
      const decoder = config.raw('added_tokens_decoder');
      for (const [id, value] of Object.entries(typeof decoder === 'object' && decoder !== null ? decoder : {})) {
        const token = readToken(value);
        if (token) add(Number(id), token.content, token);
      }
      for (const content of old.names) add(old.integer(content), content, shapes.get(content));
      for (const content of specials) add(idOf(content), content, shapes.get(content));
      return [...tokens.values()].sort((a, b) => a.id - b.id);
    },
  };
}

function readIfThere(file: string): Fields {
  return isThere(file) ? readFields(file) : createFields(file, new Map());
}

/** A token is a string or an object with its behaviour. */
function readToken(value: unknown): (Partial<AddedToken> & { readonly content: string }) | null {
  if (typeof value === 'string') return { content: value };
  if (typeof value !== 'object' || value === null || !('content' in value)) return null;
  const { content, single_word, lstrip, rstrip, normalized, special } = value as Record<string, unknown>;
  if (typeof content !== 'string') return null;
  const flags = { single_word, lstrip, rstrip, normalized, special };
  return { content, ...Object.fromEntries(Object.entries(flags).filter(([, flag]) => typeof flag === 'boolean')) };
}
