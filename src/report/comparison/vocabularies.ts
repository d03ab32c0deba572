import type { VocabularyOverlap } from './comparison.ts';

/** Every pair of vocabularies, by the texts that their tokens stand for. */
export function vocabularyOverlaps(
  tokenizers: readonly { readonly name: string; readonly vocabulary: ReadonlySet<string> }[],
): VocabularyOverlap[] {
  return tokenizers.flatMap((a, at) =>
    tokenizers.slice(at + 1).map((b) => {
      const [smaller, larger] = a.vocabulary.size <= b.vocabulary.size ? [a, b] : [b, a];
      let shared = 0;
      for (const token of smaller.vocabulary) if (larger.vocabulary.has(token)) shared++;
      return {
        a: a.name,
        b: b.name,
        shared,
        share: smaller.vocabulary.size === 0 ? 0 : shared / smaller.vocabulary.size,
      };
    }),
  );
}
