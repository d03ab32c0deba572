import { join } from 'node:path';
import { readCheckpointText } from '../checkpoint-file.ts';
import { readFields } from '../config/fields.ts';
import { readTokenizerSettings, type TokenizerSettings } from './special-tokens.ts';

const ROBERTA = {
  bos_token: '<s>',
  eos_token: '</s>',
  unk_token: '<unk>',
  sep_token: '</s>',
  pad_token: '<pad>',
  cls_token: '<s>',
  mask_token: '<mask>',
};
const END = '<|endoftext|>';
const GPT2 = { bos_token: END, eos_token: END, unk_token: END };

/** Byte-level BPE from `vocab.json` and `merges.txt`. BART and RoBERTa add `<s>` and `</s>`, GPT-2 adds nothing. */
export function readByteLevel(folder: string, family: 'roberta' | 'gpt2') {
  const file = join(folder, 'vocab.json');
  const fields = readFields(file);
  const vocab = new Map(fields.names.map((token) => [token, fields.integer(token)]));
  // The first line is a version comment, the last one is empty.
  const lines = readCheckpointText(join(folder, 'merges.txt')).split(/\r?\n/).slice(1, -1);
  const merges = lines.map((line) => line.split(/\s+/)).filter((pair) => pair.length === 2);
  const settings =
    family === 'roberta' ? readTokenizerSettings(folder, ROBERTA, ['<mask>']) : readTokenizerSettings(folder, GPT2);
  const prefix = settings.config.boolean('add_prefix_space', false);
  const level = (addPrefixSpace: boolean, trim: boolean) => ({
    type: 'ByteLevel',
    add_prefix_space: addPrefixSpace,
    trim_offsets: trim,
    use_regex: true,
  });
  const added = settings.added((token) => vocab.get(token));

  function ending(): object {
    if (family === 'gpt2' && !settings.config.boolean('add_bos_token', false)) return level(true, false);
    const id = (role: string): [string, number] => {
      const content = settings.special.get(role) ?? '';
      const found = added.find((token) => token.content === content);
      if (!found) throw fields.error(`the ${role} ${JSON.stringify(content)} is missing`);
      return [content, found.id];
    };
    if (family === 'gpt2') return bosBefore(...id('bos_token'));
    return {
      type: 'RobertaProcessing',
      sep: id('sep_token'),
      cls: id('cls_token'),
      trim_offsets: true,
      add_prefix_space: prefix,
    };
  }

  return {
    settings,
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: level(prefix, true),
      post_processor: ending(),
      decoder: level(true, true),
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: '',
        end_of_word_suffix: '',
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(vocab),
        merges,
      },
    },
  } satisfies { settings: TokenizerSettings; tokenizer: object };
}

function bosBefore(content: string, id: number): object {
  const bos = { SpecialToken: { id: content, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [bos, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}
