import { z } from 'zod';

/** Value of a generation option; null is "not set", as in transformers. */
const generationValue = z.union([
  z.number(),
  z.boolean(),
  z.string(),
  z.null(),
  z.array(z.number().int()),
  z.array(z.array(z.number().int())),
]);

/**
 * Generation options under their Hugging Face names, and `seed`, which transformers keeps elsewhere. They override those of
 * the checkpoint. The engine checks names and values.
 */
export const generationOverrides = z.record(z.string(), generationValue);
export type GenerationOverrides = Readonly<z.infer<typeof generationOverrides>>;
