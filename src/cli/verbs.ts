import type { Command } from 'commander';

interface Verb {
  readonly name: string;
  add(program: Command): Promise<void>;
}

/** In the order of the help. */
const VERBS: readonly Verb[] = [
  { name: 'run', add: async (program) => (await import('./commands/run.ts')).addRunCommand(program) },
  { name: 'enqueue', add: async (program) => (await import('./commands/enqueue.ts')).addEnqueueCommand(program) },
  { name: 'worker', add: async (program) => (await import('./commands/worker.ts')).addWorkerCommand(program) },
  { name: 'status', add: async (program) => (await import('./commands/status.ts')).addStatusCommand(program) },
  { name: 'pause', add: async (program) => (await import('./commands/change.ts')).addPauseCommand(program) },
  { name: 'resume', add: async (program) => (await import('./commands/resume.ts')).addResumeCommand(program) },
  { name: 'cancel', add: async (program) => (await import('./commands/change.ts')).addCancelCommand(program) },
  { name: 'retry', add: async (program) => (await import('./commands/retry.ts')).addRetryCommand(program) },
  { name: 'delete', add: async (program) => (await import('./commands/delete.ts')).addDeleteCommand(program) },
  { name: 'verify', add: async (program) => (await import('./commands/verify.ts')).addVerifyCommand(program) },
  { name: 'export', add: async (program) => (await import('./commands/export.ts')).addExportCommand(program) },
  { name: 'evaluate', add: async (program) => (await import('./commands/evaluate.ts')).addEvaluateCommand(program) },
  { name: 'query', add: async (program) => (await import('./commands/query.ts')).addQueryCommand(program) },
  { name: 'migrate', add: async (program) => (await import('./commands/migrate.ts')).addMigrateCommand(program) },
  { name: 'services', add: async (program) => (await import('./commands/services.ts')).addServicesCommand(program) },
  { name: 'models', add: addModels },
];

async function addModels(program: Command): Promise<void> {
  const models = (await import('./commands/models/models.ts')).addModelsCommand(program);
  (await import('./commands/models/list.ts')).addModelsListCommand(models);
  (await import('./commands/models/pull.ts')).addModelsPullCommand(models);
  (await import('./commands/models/compile.ts')).addModelsCompileCommand(models);
  (await import('./commands/models/inspect.ts')).addModelsInspectCommand(models);
  (await import('./commands/models/compare.ts')).addModelsCompareCommand(models);
  (await import('./commands/models/generate.ts')).addModelsGenerateCommand(models);
  (await import('./commands/models/score.ts')).addModelsScoreCommand(models);
}

/** Adds the command that is asked for, or all commands for help: the imports of one take a third of a second. */
export async function addVerbs(program: Command, asked: string | undefined): Promise<void> {
  const known = VERBS.filter(({ name }) => name === asked);
  for (const { add } of known.length > 0 ? known : VERBS) await add(program);
}
