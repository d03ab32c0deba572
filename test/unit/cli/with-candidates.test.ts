import { expect, it } from 'vitest';
import { withCandidates } from '../../../src/app/generation.ts';

it.each([
  ['one candidate asks for nothing', {}, 1, {}],
  ['beams as wide', {}, 4, { num_beams: 4, num_return_sequences: 4 }],
  ['wider beams stay', { num_beams: 8 }, 4, { num_beams: 8, num_return_sequences: 4 }],
  [
    'samples need no beams',
    { do_sample: true, top_p: 0.9 },
    4,
    { do_sample: true, top_p: 0.9, num_return_sequences: 4 },
  ],
])('candidates: %s', (_, given, candidates, wanted) => {
  expect(withCandidates(given, candidates)).toEqual(wanted);
});

it('refuses fewer beams than candidates', () => {
  expect(() => withCandidates({ num_beams: 2 }, 4)).toThrow('--candidates 4 needs as many beams');
});
