/** Every comparison with other engines, one after the other, then the report. Takes the options of each: --rounds, --cores. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

for (const name of ['bart-greedy', 'bart-beam', 't5-greedy', 'gpt2-20', 'scorer', 'long', 'report']) {
  const options = name === 'report' ? [] : process.argv.slice(2);
  execFileSync(process.execPath, [join(import.meta.dirname, 'main.ts'), name, ...options], { stdio: 'inherit' });
}
