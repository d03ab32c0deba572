import type { EvaluatedSystem } from '../report/evaluation-report.ts';
import type { SystemInput } from '../report/system-rows.ts';

/** A system to evaluate: where its rows come from. */
export interface EvaluatedSource extends SystemInput, EvaluatedSystem {
  readonly hasReferences: boolean;
  /** How much of it was read, 0 to 1; null when no one knows. */
  share(): number | null;
  close(): void;
}
