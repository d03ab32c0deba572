import { expect, test } from 'vitest';
import { shownSettings } from '../../../src/contract/features.ts';
import { generationOf, runSettings, settingsHash } from '../../../src/contract/settings.ts';
import { SETTINGS } from '../../support/ledger.ts';

test('the settings of the first runs are still understood, and their hash is what it was', () => {
  const old = { ...SETTINGS, generation: { maxNewTokens: 48 } };
  expect(generationOf(runSettings.parse(old))).toEqual({ max_new_tokens: 48 });
  expect(settingsHash(runSettings.parse(old))).toBe(settingsHash(old));
});

test('any generation option is part of the hash, the words of a lexicon too', () => {
  const settings = (generation: object) => runSettings.parse({ ...SETTINGS, generation });
  const hashes = [
    settings({ max_new_tokens: 64 }),
    settings({ max_new_tokens: 64, num_beams: 4 }),
    settings({ max_new_tokens: 64, bad_words_ids: [[3], [4, 5]] }),
    settings({ max_new_tokens: 64, bad_words_ids: [[3], [4, 6]] }),
    settings({ max_new_tokens: 64, early_stopping: 'never' }),
  ].map(settingsHash);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test('a label that means toxic is part of the hash; runs without one are as they were', () => {
  const plain = runSettings.parse(SETTINGS);
  expect(plain).not.toHaveProperty('toxicLabels');
  const labelled = ['hate', 'Hate', 'toxic'].map((label) =>
    runSettings.parse({ ...SETTINGS, toxicLabels: { scorer: [label] } }),
  );
  expect(new Set([plain, ...labelled].map(settingsHash)).size).toBe(4);
  expect(() => runSettings.parse({ ...SETTINGS, toxicLabels: { scorer: ['a', 'b'] } })).toThrow();
});

test('settings of a newer version are shown as far as they are known; what are no settings is refused', () => {
  expect(shownSettings({ id: 'r1', settings: SETTINGS })).toEqual(SETTINGS);
  const newer = { ...SETTINGS, similarity: 'bleurt', newKnob: 1 };
  expect(shownSettings({ id: 'r1', settings: newer })).toEqual(newer);
  for (const settings of [null, {}, 'x', { ...SETTINGS, threshold: '0.5' }, { ...SETTINGS, scorer: undefined }]) {
    expect(() => shownSettings({ id: 'r1', settings })).toThrow(/^run r1 has settings that cannot be read/);
  }
});
