import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** `npm run test:fault`: the cases of test/fault in full, one file after the other. */
const FULL_FAULTS = 'full-faults';
/** `npm run test:soak`, `npm run test:recovery`: not among the tests. */
const SOAK = 'soak';

export default defineConfig(({ mode }) => ({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Tests of services and faults mostly wait for another process: two files per core keep the cores busy.
    maxWorkers: 2 * availableParallelism(),
    // onnxruntime sends telemetry unless this stands in the environment before it loads.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    globalSetup: ['test/support/scratch-folder.ts'],
    projects: [
      ...(mode === SOAK
        ? [
            {
              extends: true as const,
              test: { name: SOAK, include: ['test/soak/**/*.test.ts'], testTimeout: 900_000 },
            },
          ]
        : []),
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false } },
      {
        extends: true,
        test: {
          name: 'services',
          include: ['test/{integration,e2e}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts', 'test/support/compiled-models.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'fault',
          include: ['test/fault/**/*.test.ts'],
          globalSetup: ['test/support/compiled-models.ts', 'test/support/fault-postgres.ts'],
          // For what hangs: many times what a case takes on a machine with nothing else to do.
          testTimeout: mode === FULL_FAULTS ? 900_000 : 300_000,
          fileParallelism: mode !== FULL_FAULTS,
          env: { DETOXQ_FAULT_FORM: mode === FULL_FAULTS ? 'full' : 'short' },
        },
      },
    ],
  },
}));
