// After tsc: make the binary executable, and give a checkout its own `npx detoxq`
// (npm links a package's binaries into its dependants, never into itself).
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binary = join(root, 'dist', 'cli', 'main.js');
chmodSync(binary, 0o755);

const binFolder = join(root, 'node_modules', '.bin');
if (existsSync(join(root, 'node_modules'))) {
  mkdirSync(binFolder, { recursive: true });
  const link = join(binFolder, 'detoxq');
  rmSync(link, { force: true });
  try {
    symlinkSync(relative(binFolder, binary), link);
  } catch (error) {
    // Windows without the right to make links: `node dist/cli/main.js` still works.
    console.warn(`no link to detoxq in node_modules/.bin: ${error.message}`);
  }
}
