import type { RunSettings } from '../../src/contract/settings.ts';

const model = { name: 'bench', architecture: 'Fake', digest: '0'.repeat(64), precision: 'int8' } as const;

/** Of a run whose models are never loaded. */
export const FAKE_SETTINGS: RunSettings = {
  detoxifier: model,
  scorer: model,
  threshold: 0.5,
  generation: { max_new_tokens: 64 },
  similarity: 'chrf',
};
