import type { DetoxqError, ErrorCode, ErrorData } from '../contract/errors.ts';
import type { Inspection, UseAdvice } from '../contract/inspection.ts';
import type { Trouble } from '../report/index.ts';

/** What the command line adds to the message of an error: the next command. Empty where the message says enough. */
const ADVICE: { readonly [Code in ErrorCode]: (data: ErrorData[Code]) => string } = {
  no_runs: () => ': `detoxq enqueue` or `detoxq run` makes one',
  run_not_found: () => ': `detoxq status` lists the runs',
  run_not_ended: ({ run }) => `; first: detoxq cancel ${run}`,
  version_outdated: ({ run }) => `: detoxq resume ${run}`,
  schema_missing: () => ': run `detoxq migrate`',
  schema_outdated: () => ': run `detoxq migrate`',
  schema_elsewhere: ({ schema, free }) => {
    const setting = free === schema ? '' : `DETOXQ_SCHEMA=${free} `;
    return `; to make another one in ${free}, run \`${setting}detoxq migrate\``;
  },
  rights_missing: () => '. `detoxq migrate --roles` makes the roles',
  roles_refused: () => '. As one of them, run `detoxq migrate --roles`',
  query_not_read_only: () => ' To remove a run: detoxq delete RUN. To change tables by hand: psql',
  checkpoint_not_pulled: ({ checkpoint }) => ` Fetch it first: detoxq models pull ${checkpoint}`,
  checkpoint_not_found: ({ checkpoint, hub }) =>
    hub ? ` If it is the name of a model on a hub, fetch it first: detoxq models pull ${checkpoint}.` : '',
  checkpoint_damaged: ({ checkpoint }) => ` To pull it: detoxq models pull ${checkpoint ?? '…'}`,
  checkpoint_is_export: ({ baseModel }) => (baseModel === null ? '' : `: detoxq models pull ${baseModel}`),
  checkpoint_is_pointer: () => ' (detoxq models pull)',
  hub_offline: ({ checkpoint, id }) =>
    ` On a machine with a network: detoxq models pull ${checkpoint}; then copy DETOXQ_HOME/models/${id} to the same place here.`,
  encoding_unknown: () => ' For example: iconv -f NAME -t UTF-8 FILE | detoxq run - --format csv',
};

/** The message of an error, with the command that helps. */
export function messageWithAdvice({ message, details }: DetoxqError): string {
  if (details === undefined) return message;
  // Each entry takes the data of its own code; that `details` pairs the two, the compiler does not see.
  const advise = ADVICE[details.code] as (data: ErrorData[ErrorCode]) => string;
  return message + advise(details.data);
}

const TROUBLE_ADVICE: Readonly<Record<Trouble['code'], (run: string) => string>> = {
  paused: (run) => `; go on: detoxq resume ${run} --detach`,
  not_read: (run) => `; go on: detoxq resume ${run}`,
  no_worker: (run) =>
    '; start one: detoxq worker (with the same DATABASE_URL, DETOXQ_SCHEMA, REDIS_URL and DETOXQ_QUEUE as the producer), ' +
    `or work on it here: detoxq resume ${run}`,
  workers_unable: () => '',
  chunks_missing: (run) =>
    `; to read these rows again: detoxq resume ${run}, or begin a new run where the source is gone`,
  chunks_failed: () => '',
};

/** What is in the way of a run, each with the command that helps. */
export function troubleLines(run: string, trouble: readonly Trouble[]): string[] {
  return trouble.map(({ code, message }) => message + TROUBLE_ADVICE[code](run));
}

const USE_COMMANDS: Readonly<Record<NonNullable<UseAdvice['command']>, (name: string) => string>> = {
  detoxifier: (name) => `: detoxq run FILE --detoxifier ${name}`,
  scorer: (name) => `: detoxq run FILE --scorer ${name}`,
  similarity: (name) => `: detoxq evaluate FILE --judge-sim ${name}`,
  fluency: (name) => `: detoxq evaluate FILE --judge-fl ${name}`,
  perplexity: (name) => `: detoxq models score ${name} TEXT`,
  pull: (name) => `; detoxq models pull ${name}`,
};

/** What a checkpoint can be used for, each with its command. */
export function useLines({ name, use }: Pick<Inspection, 'name' | 'use'>): string[] {
  const quoted = /^[\w./@-]+$/.test(name) ? name : `'${name}'`;
  return use.advice.map(({ text, command }) => (command === null ? text : text + USE_COMMANDS[command](quoted)));
}
