import type { EnginesOptions } from '../../src/worker/engines.ts';

/** Engines of which each process is fake-engine.ts, which the name of its scorer tells what to do. */
export function fakeEngineOptions(scorer = 'fake'): Pick<EnginesOptions, 'engine' | 'entry'> {
  return {
    engine: {
      scorer: { name: scorer, folder: '' },
      detoxifier: { name: 'fake', folder: '' },
      precision: 'fp32',
      threshold: 0.5,
      generation: { max_new_tokens: 8 },
      prompt: '{text}',
      cacheFolder: '',
    },
    entry: new URL('./fake-engine.ts', import.meta.url),
  };
}
