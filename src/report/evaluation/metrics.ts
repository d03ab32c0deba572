import type { OutputScores } from './score-rows.ts';

/**
 * What an evaluation measures: one number per output. Reports give the mean over rows.
 * - `sta` (style transfer accuracy): 1 if the judge calls the output neutral, else 0
 * - `sim`: cosine of the embeddings of source and output
 * - `fl`: 1 if the judge calls the output acceptable, else 0
 * - `j`: sta · sim · fl of that sentence (ParaDetox, ACL 2022)
 * - `softSta`, `softFl`: the probability in place of the label; `softJ`: softSta · sim · softFl
 * - `chrf`
 */
export const METRICS = ['sta', 'sim', 'fl', 'j', 'softSta', 'softFl', 'softJ', 'chrf'] as const;
export type Metric = (typeof METRICS)[number];
export type Metrics = Readonly<Record<Metric, number>>;

export const METRIC_NAMES: Readonly<Record<Metric, string>> = {
  sta: 'STA',
  sim: 'SIM',
  fl: 'FL',
  j: 'J',
  softSta: 'soft STA',
  softFl: 'soft FL',
  softJ: 'soft J',
  chrf: 'chrF',
};

/** The likelier of two labels. */
const LIKELIER = 0.5;

export function metricsOf({ neutral, similarity, acceptable, chrf, isBlank }: OutputScores): Metrics {
  const sta = !isBlank && neutral >= LIKELIER ? 1 : 0;
  const fl = !isBlank && acceptable >= LIKELIER ? 1 : 0;
  return {
    sta,
    sim: similarity,
    fl,
    j: sta * similarity * fl,
    softSta: neutral,
    softFl: acceptable,
    softJ: neutral * similarity * acceptable,
    chrf,
  };
}
