// What tsc leaves to do.
import { chmodSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

// tsc does not keep the mode of a file: the binary must be executable for `npx detoxq` in a checkout.
chmodSync(`${dist}cli/main.js`, 0o755);

// tsc rewrites the endings of imports in JavaScript alone; declarations must name files that are there, too.
for (const file of globSync('**/*.d.ts', { cwd: dist })) {
  const text = readFileSync(dist + file, 'utf8');
  writeFileSync(dist + file, text.replace(/((?:from|import\() ?'\.{1,2}\/[^']*)\.ts'/g, "$1.js'"));
}
