import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { createHttp, type HttpOptions } from '../../src/hub/http.ts';
import { type Pulled, type PullProgress, pull } from '../../src/hub/pull.ts';
import { type HubRepository, type HubServer, startHub } from './hub-server.ts';

export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const WEIGHTS = randomBytes(300_000);
/** A repository with all that a pull takes, and much that it leaves. */
export const PLAIN: HubRepository = {
  commit: COMMIT,
  large: ['model.safetensors', 'pytorch_model.bin', 'tokenizer.json'],
  files: {
    'README.md': '# a card',
    'config.json': '{"architectures": ["BartForConditionalGeneration"]}',
    'generation_config.json': '{}',
    'tokenizer.json': '{"model": {}}',
    'tokenizer_config.json': '{}',
    'vocab.json': '{}',
    'merges.txt': '',
    'model.safetensors': WEIGHTS,
    'pytorch_model.bin': 'the same again',
    'flax_model.msgpack': 'x',
    'tf_model.h5': 'x',
    'modeling_evil.py': 'import os',
    'onnx/model.onnx': 'x',
    '../escape.json': 'x',
  },
};

export interface PullOptions extends Partial<HttpOptions> {
  readonly id?: string;
  readonly revision?: string | null;
  readonly offline?: boolean;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface Pulls {
  /** Without repositories at the start of each test. */
  readonly hub: HubServer;
  /** Where the test's pulls go: not there yet. */
  readonly modelsFolder: string;
  /** An address at which nobody answers. */
  readonly deadEndpoint: string;
  fetched(options?: PullOptions): Promise<Pulled>;
  /** Requests whose address holds this and that were answered. */
  sentFor(file: string): HubServer['requests'];
}

/** A hub of the test file's own, and pulls from it. */
export function usePulls(): Pulls {
  const root = mkdtempSync(join(tmpdir(), 'detoxq-hub-'));
  let hub: HubServer;
  let modelsFolder = '';
  let serial = 0;
  let deadEndpoint = '';
  beforeAll(async () => {
    const dead = await startHub();
    deadEndpoint = dead.endpoint;
    await dead.close();
    hub = await startHub();
  });
  afterAll(async () => {
    await hub.close();
    rmSync(root, { recursive: true });
  });
  beforeEach(() => {
    modelsFolder = join(root, String(serial++));
    hub.reset();
  });

  async function fetched(options: PullOptions = {}) {
    const { id = 'owner/model', revision = null, offline = false, onProgress = () => {}, ...rest } = options;
    const http = createHttp({
      endpoint: hub.endpoint,
      token: undefined,
      httpProxy: undefined,
      httpsProxy: undefined,
      noProxy: undefined,
      retryDelayMs: 1,
      ...rest,
    });
    try {
      return await pull({
        id,
        revision,
        http,
        endpoint: rest.endpoint ?? hub.endpoint,
        offline,
        modelsFolder,
        onProgress,
      });
    } finally {
      await http.close();
    }
  }

  return {
    get hub() {
      return hub;
    },
    get modelsFolder() {
      return modelsFolder;
    },
    get deadEndpoint() {
      return deadEndpoint;
    },
    fetched,
    sentFor: (file) => hub.requests.filter(({ url, status }) => url.includes(file) && status < 300),
  };
}
