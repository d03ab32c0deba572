#!/usr/bin/env node
// Nothing else is imported here: where a process may open few files, loading the program would fail first.
import { openFilesFault } from './open-files.ts';

const fault = openFilesFault(process.argv.slice(2));
if (fault === null) await import('./start.ts');
else {
  process.stderr.write(`detoxq: ${fault}\n`);
  process.exit(1);
}
