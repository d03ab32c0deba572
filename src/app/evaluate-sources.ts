import type { EvaluatedSystem, SystemInput } from '../report/index.ts';

/** A system to evaluate: where its rows come from. */
export interface EvaluatedSource extends SystemInput, EvaluatedSystem {
  readonly hasReferences: boolean;
  /** How much of it was read, 0 to 1; null when no one knows. */
  share(): number | null;
  close(): void;
}
