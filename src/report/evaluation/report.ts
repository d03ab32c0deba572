import type { ModelIdentity } from '../../contract/models.ts';
import type { Evaluation, SystemEvaluation } from './evaluation.ts';
import type { Judges } from './judges.ts';
import { LEFT_CLEAN, NO_WORDS, type RowTally } from './system-rows.ts';

/** Where outputs came from. */
export interface EvaluatedSystem {
  readonly name: string;
  /** The models that made and chose the outputs, by role; empty where they are not known. */
  readonly models: Readonly<Record<string, ModelIdentity>>;
}

/** An evaluation with all that a reader has to know to believe it, as `--json` prints it. */
export interface EvaluationReport extends Omit<Evaluation, 'systems'> {
  /** What the numbers mean. */
  readonly protocol: readonly string[];
  readonly rowsRead: number;
  /** Rows that were not judged, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  readonly systems: readonly (SystemEvaluation & EvaluatedSystem & { readonly failedAsCopies: number })[];
  /** What makes these figures worse than they look, in plain words. */
  readonly warnings: readonly string[];
}

const ROLES: Readonly<Record<keyof Judges, string>> = { sta: 'STA', sim: 'SIM', fl: 'FL' };
const PARTS: readonly (keyof Judges)[] = ['sta', 'sim', 'fl'];

export function reportEvaluation(
  evaluation: Evaluation,
  tally: RowTally,
  systems: readonly EvaluatedSystem[],
): EvaluationReport {
  return {
    ...evaluation,
    protocol: describeProtocol(evaluation),
    rowsRead: tally.read,
    leftOut: Object.fromEntries(tally.leftOut),
    systems: evaluation.systems.map((system, at) => ({
      ...system,
      models: systems[at]?.models ?? {},
      failedAsCopies: tally.failedAsCopies[at] ?? 0,
    })),
    warnings: [
      ...systems.flatMap((system) => partialJudges(evaluation, system)),
      ...failures(tally, systems),
      ...withoutReferences(evaluation),
      ...PARTS.flatMap((part) => cutTexts(evaluation, part)),
    ],
  };
}

function describeProtocol({ chrfAgainst, bootstrap }: Evaluation): string[] {
  return [
    'ParaDetox, ACL 2022: J is the mean over rows of STA · SIM · FL of that row, not the product of the means.',
    'STA: 1 if the judge finds the output rather neutral than toxic, else 0. FL: 1 if the judge finds it rather acceptable English, else 0. SIM: cosine of the embeddings of source and output.',
    'Soft: the probability in place of the label. chrF: character n-grams up to 6, β = 2, mean of the rows, ' +
      `against ${chrfAgainst === 'source' ? 'the source, since there are no references' : 'the best of the references'}.`,
    'All texts are brought into model form first (lower case, punctuation set apart, as in ParaDetox); an output without words scores 0 everywhere.',
    `Intervals: 95 %, percentile bootstrap over rows, ${bootstrap.draws} draws, seed ${bootstrap.seed}.`,
  ];
}

/** A judge that has already had its say when the outputs were chosen. */
function partialJudges({ judges }: Evaluation, { name, models }: EvaluatedSystem): string[] {
  return PARTS.flatMap((part) =>
    Object.entries(models)
      .filter(([, model]) => model.digest === judges[part].digest)
      .map(
        ([role, model]) =>
          `The ${ROLES[part]} judge ${model.name} is also the ${role} of ${name}: it grades what it chose itself, so ` +
          `${ROLES[part]} and J are better than they should be. Take another with --judge-${part}.`,
      ),
  );
}

function failures({ leftOut, failedAsCopies }: RowTally, systems: readonly EvaluatedSystem[]): string[] {
  const failed = [...leftOut].filter(([reason]) => reason !== LEFT_CLEAN && reason !== NO_WORDS);
  const lost = failed.reduce((sum, [, count]) => sum + count, 0);
  const codes = failed.map(([reason, count]) => `${reason} ${count}`).join(', ');
  const warnings =
    lost === 0
      ? []
      : [`${counted(lost)} failed (${codes}) and could not be judged: who fails on hard rows looks better than it is.`];
  systems.forEach(({ name }, at) => {
    const copies = failedAsCopies[at] ?? 0;
    if (copies > 0) warnings.push(`${counted(copies)} failed in ${name} only: copies of the source are judged there.`);
  });
  return warnings;
}

function withoutReferences({ chrfAgainst, chrfRows }: Evaluation): string[] {
  if (chrfAgainst === 'source' || chrfRows > 0) return [];
  return ['No judged row has a reference, so chrF was not measured (–): see --ref-column.'];
}

function cutTexts({ judges }: Evaluation, part: keyof Judges): string[] {
  const { name, rowsCut } = judges[part];
  if (rowsCut === 0) return [];
  return [`The ${ROLES[part]} judge ${name} did not see the end of ${counted(rowsCut)}, longer than it can read.`];
}

function counted(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}
