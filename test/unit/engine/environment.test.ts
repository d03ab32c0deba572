import { afterEach, expect, test, vi } from 'vitest';
import { engineEnvironment } from '../../../src/config.ts';
import { discard } from '../../../src/engine/runtime/session.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('an engine process keeps its memory, connects to nothing and warns of nothing, whatever the environment says', () => {
  vi.stubEnv('ORT_DISABLE_TELEMETRY', '0');
  expect(engineEnvironment()).toMatchObject({
    MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
    MALLOC_TRIM_THRESHOLD_: String(4 * 2 ** 30),
    ORT_DISABLE_TELEMETRY: '1',
    NODE_NO_WARNINGS: '1',
  });
  vi.stubEnv('MALLOC_TRIM_THRESHOLD_', '1000');
  expect(engineEnvironment()).toMatchObject({ MALLOC_TRIM_THRESHOLD_: '1000' });
});

test('an engine process is given no address or token of a service', () => {
  vi.stubEnv('DATABASE_URL', 'postgres://user:secret@host/db');
  vi.stubEnv('REDIS_URL', 'redis://:secret@host');
  vi.stubEnv('HF_TOKEN', 'hf_secret');
  vi.stubEnv('PGPASSWORD', 'secret');
  vi.stubEnv('HTTPS_PROXY', 'http://user:secret@proxy:3128');
  vi.stubEnv('http_proxy', 'http://user:secret@proxy:3128');
  expect(JSON.stringify(engineEnvironment())).not.toContain('secret');
});

test.skipIf(!('transfer' in ArrayBuffer.prototype))('memory of an output is given back at once', () => {
  const values = new Float32Array(1000);
  const { buffer } = values;
  discard(values.subarray(10, 20));
  expect(buffer.byteLength).toBe(0);
  expect(values.length).toBe(0);
});
