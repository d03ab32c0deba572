import type { BertFamily } from '../bert/config.ts';

/** RoBERTa differs from BERT in its defaults, the positions and a classifier head of its own over the first token. */
export const ROBERTA_FAMILY: BertFamily = {
  className: 'Roberta',
  base: 'roberta',
  defaults: { vocabulary: 50265, padToken: 1 },
  positionsAfterPadding: true,
  head: ['classifier.dense', 'classifier.out_proj'],
};
