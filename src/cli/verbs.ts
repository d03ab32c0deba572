import type { Command } from 'commander';

interface Verb {
  readonly name: string;
  add(program: Command): Promise<void>;
}

/** In the order of the help. */
const VERBS: readonly Verb[] = [
  { name: 'run', add: async (program) => (await import('./run.ts')).addRunCommand(program) },
  { name: 'enqueue', add: async (program) => (await import('./enqueue.ts')).addEnqueueCommand(program) },
  { name: 'worker', add: async (program) => (await import('./worker.ts')).addWorkerCommand(program) },
  { name: 'status', add: async (program) => (await import('./status.ts')).addStatusCommand(program) },
  { name: 'pause', add: async (program) => (await import('./change.ts')).addPauseCommand(program) },
  { name: 'resume', add: async (program) => (await import('./resume.ts')).addResumeCommand(program) },
  { name: 'cancel', add: async (program) => (await import('./change.ts')).addCancelCommand(program) },
  { name: 'retry', add: async (program) => (await import('./retry.ts')).addRetryCommand(program) },
  { name: 'delete', add: async (program) => (await import('./delete.ts')).addDeleteCommand(program) },
  { name: 'verify', add: async (program) => (await import('./verify.ts')).addVerifyCommand(program) },
  { name: 'export', add: async (program) => (await import('./export.ts')).addExportCommand(program) },
  { name: 'evaluate', add: async (program) => (await import('./evaluate.ts')).addEvaluateCommand(program) },
  { name: 'query', add: async (program) => (await import('./query.ts')).addQueryCommand(program) },
  { name: 'migrate', add: async (program) => (await import('./migrate.ts')).addMigrateCommand(program) },
  { name: 'services', add: async (program) => (await import('./services.ts')).addServicesCommand(program) },
  { name: 'models', add: addModels },
];

async function addModels(program: Command): Promise<void> {
  const models = (await import('./models.ts')).addModelsCommand(program);
  (await import('./models-list.ts')).addModelsListCommand(models);
  (await import('./models-pull.ts')).addModelsPullCommand(models);
  (await import('./models-compile.ts')).addModelsCompileCommand(models);
  (await import('./models-inspect.ts')).addModelsInspectCommand(models);
  (await import('./models-compare.ts')).addModelsCompareCommand(models);
  (await import('./models-generate.ts')).addModelsGenerateCommand(models);
  (await import('./models-score.ts')).addModelsScoreCommand(models);
}

/** Adds the verb that is asked for, or all of them where it is none: what a verb needs is a third of a second of imports. */
export async function addVerbs(program: Command, asked: string | undefined): Promise<void> {
  const known = VERBS.filter(({ name }) => name === asked);
  for (const { add } of known.length > 0 ? known : VERBS) await add(program);
}
