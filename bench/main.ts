/** `npm run bench -- NAME [arguments]`: runs bench/NAME.ts; without a name, lists what there is. */
import { readdirSync, readFileSync } from 'node:fs';

const [name, ...rest] = process.argv.slice(2);
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length));

if (name !== undefined && names.includes(name)) {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(`./${name}.ts`);
} else {
  for (const known of names) {
    const source = readFileSync(new URL(`./${known}.ts`, import.meta.url), 'utf8');
    const [, purpose = ''] = /\/\*+\s*\n?[\s*]*([^\n]+?)(?: \*\/)?\n/.exec(source) ?? [];
    console.log(`  ${known.padEnd(16)} ${purpose}`);
  }
  process.exitCode = name === undefined ? 0 : 2;
}
