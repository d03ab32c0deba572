import { join } from 'node:path';
import { CheckpointError } from '../../../contract/errors.ts';
import { PIECE_TYPE, readSentencePiece } from './sentencepiece.ts';
import { readTokenizerSettings } from './special-tokens.ts';

const T5 = { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' };
/** T5 has 100. */
const MOST_EXTRA = 10_000;
const SPACE = '\u2581';

/**
 * A SentencePiece unigram model in `spiece.model`, as T5 uses it: `<extra_id_N>` follow its pieces, and `</s>` follows a
 * text.
 */
export function readUnigram(folder: string) {
  const file = join(folder, 'spiece.model');
  const { pieces, modelType, unknownId, charsmap } = readSentencePiece(file);
  if (modelType !== 1) {
    throw new CheckpointError(`${file} holds a model of type ${modelType}; only unigram models, type 1, can be read`);
  }
  const settings = readTokenizerSettings(folder, T5);
  const { config } = settings;
  const extra = config.integer('extra_ids', 100);
  if (extra < 0 || extra > MOST_EXTRA) {
    throw config.error(`extra_ids is ${extra}; 0 to ${MOST_EXTRA} can be read`);
  }
  // In reverse order: the pieces existed before the ids did.
  const extras = Array.from({ length: extra }, (_, i) => `<extra_id_${extra - 1 - i}>`);
  const vocab: (readonly [string, number])[] = [
    ...pieces.map(({ text, score }) => [text, score] as const),
    ...extras.map((token) => [token, 0] as const),
  ];
  const ids = new Map(vocab.map(([token], id) => [token, id]));
  const marked = pieces.flatMap(({ text, type }, id) =>
    type === PIECE_TYPE.control || type === PIECE_TYPE.userDefined
      ? [{ id, text, special: type === PIECE_TYPE.control }]
      : [],
  );
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  const added = new Map(settings.added((token) => ids.get(token)).map((token) => [token.id, token]));
  for (const { id, text, special } of marked) {
    if (!added.has(id)) added.set(id, { id, content: text, special, ...plain });
  }
  extras.forEach((content, i) => {
    const id = pieces.length + i;
    if (!added.has(id)) added.set(id, { id, content, special: true, ...plain });
  });
  const eos = settings.special.get('eos_token') ?? '';
  const eosId = ids.get(eos);
  if (eosId === undefined) throw new CheckpointError(`${file}: the eos_token ${JSON.stringify(eos)} is missing`);

  const end = { SpecialToken: { id: eos, type_id: 0 } };
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const space = {
    type: 'Metaspace',
    replacement: SPACE,
    prepend_scheme: !config.boolean('add_prefix_space', true)
      ? 'never'
      : legacy(config.raw('legacy'))
        ? 'always'
        : 'first',
    split: true,
  };
  const tidy = [
    { type: 'Strip', strip_left: false, strip_right: true },
    { type: 'Replace', pattern: { Regex: ' {2,}' }, content: SPACE },
  ];
  const table = charsmap && {
    type: 'Precompiled',
    precompiled_charsmap: Buffer.from(charsmap).toString('base64'),
  };
  return {
    settings,
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [...added.values()].sort((a, b) => a.id - b.id),
      normalizer: { type: 'Sequence', normalizers: table ? [table, ...tidy] : tidy },
      pre_tokenizer: space,
      post_processor: {
        type: 'TemplateProcessing',
        single: [sequence('A'), end],
        pair: [sequence('A'), end, sequence('B'), end],
        special_tokens: { [eos]: { id: eos, ids: [eosId], tokens: [eos] } },
      },
      decoder: space,
      model: { type: 'Unigram', unk_id: unknownId, vocab, byte_fallback: false },
    },
  };
}

/** Without a setting, transformers keeps the old behaviour: a space also before text that follows a special token. */
function legacy(value: unknown): boolean {
  return value !== false;
}
