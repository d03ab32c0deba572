import { join } from 'node:path';
import { CheckpointError } from '../../../contract/errors.ts';
import { readCheckpointText } from '../checkpoint-file.ts';
import { readTokenizerSettings } from './special-tokens.ts';

const BERT = {
  unk_token: '[UNK]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  cls_token: '[CLS]',
  mask_token: '[MASK]',
};

/** WordPiece from `vocab.txt`, one token per line, as BERT uses it. It lower-cases unless `do_lower_case` is false. */
export function readWordPiece(folder: string) {
  const file = join(folder, 'vocab.txt');
  const lines = readCheckpointText(file).split(/\r\n?|\n/);
  if (lines.at(-1) === '') lines.pop();
  const vocab = new Map(lines.map((token, id) => [token, id]));
  const settings = readTokenizerSettings(folder, BERT);
  const { config } = settings;
  const added = settings.added((token) => vocab.get(token));
  const special = (role: string) => {
    const content = settings.special.get(role) ?? '';
    const id = added.find((token) => token.content === content)?.id;
    if (id === undefined) throw new CheckpointError(`${file}: the ${role} ${JSON.stringify(content)} is missing`);
    return { content, id };
  };
  const [cls, sep, unknown] = [special('cls_token'), special('sep_token'), special('unk_token')];
  const part = (type: 'SpecialToken' | 'Sequence', id: string, typeId: number) => ({ [type]: { id, type_id: typeId } });
  const single = [part('SpecialToken', cls.content, 0), part('Sequence', 'A', 0), part('SpecialToken', sep.content, 0)];

  return {
    settings,
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: config.boolean('tokenize_chinese_chars', true),
        strip_accents: config.raw('strip_accents') ?? null,
        lowercase: config.boolean('do_lower_case', true),
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single,
        pair: [...single, part('Sequence', 'B', 1), part('SpecialToken', sep.content, 1)],
        special_tokens: Object.fromEntries(
          [cls, sep].map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }]),
        ),
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: unknown.content,
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(vocab),
      },
    },
  };
}
