// tsc does not keep the mode of a file: the binary must be executable for `npx detoxq` in a checkout.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
