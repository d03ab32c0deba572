import { join } from 'node:path';
import { CheckpointError } from '../../contract/errors.ts';
import type { Role } from '../../contract/inspection.ts';
import { findToxicLabel, readLabels } from '../architectures/classifier.ts';
import { classOf, rolesOf } from '../architectures/registry.ts';
import { type Fields, readFields } from '../checkpoint/config/fields.ts';
import { readArchitecture } from '../checkpoint/identity.ts';

/** What the labels of a classifier must say for a role, beyond what its class can do. */
const LABELS: Readonly<Partial<Record<Role, (fields: Fields) => void>>> = {
  scorer(fields) {
    findToxicLabel(fields, readLabels(fields));
  },
  fluency(fields) {
    const { labels } = readLabels(fields);
    // The label that the judges of `evaluate` go by.
    if (labels.some((label) => label.toLowerCase() === 'acceptable')) return;
    throw fields.error(`id2label names no label "acceptable" but ${labels.join(', ')}`);
  },
};

/** Why the engine cannot run a checkpoint with this config in a role, in its own words; null where it can. */
export function refusalOf(role: Role, architecture: string, fields: Fields): string | null {
  const known = classOf(architecture);
  if (known === undefined || !rolesOf(known).includes(role)) return `the engine cannot run a ${architecture} as one`;
  try {
    (known.generator ?? known.classifier ?? known.encoder)?.(fields);
    LABELS[role]?.(fields);
    return null;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return error.message;
  }
}

/**
 * What the checkpoint in a folder can serve as, by its class and labels. Weights and tokenizer are not looked at.
 *
 * @throws CheckpointError where the folder has no config that can be read
 */
export function rolesOfCheckpoint(folder: string): Role[] {
  const architecture = readArchitecture(folder);
  const fields = readFields(join(folder, 'config.json'));
  const known = classOf(architecture);
  return known === undefined ? [] : rolesOf(known).filter((role) => refusalOf(role, architecture, fields) === null);
}
