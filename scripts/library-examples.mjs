/**
 * Compiles and runs the TypeScript examples of the docs against an installed package: `node library-examples.mjs FOLDER`, where
 * FOLDER has detoxq in its node_modules. Ends with an error when one of them does not compile, or fails.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const user = resolve(process.argv[2] ?? '.');

const examples = ['README.md', 'docs/library.md'].flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => ({ page, code })),
);
if (examples.length < 3) throw new Error(`the docs have ${examples.length} examples`);
const names = examples.map(({ code }, at) => {
  const name = `example-${at}.ts`;
  writeFileSync(join(user, name), code);
  return name;
});
cpSync(join(root, 'examples'), join(user, 'examples'), { recursive: true });
cpSync(join(root, 'examples', 'comments.csv'), join(user, 'comments.csv'));
mkdirSync(join(user, 'out'), { recursive: true });

const compilerOptions = {
  ...{ target: 'ES2022', lib: ['ES2023'], module: 'NodeNext', strict: true, exactOptionalPropertyTypes: true },
  ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')], rootDir: '.', outDir: 'out' },
};
writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names }));
const packageFile = join(user, 'package.json');
writeFileSync(packageFile, JSON.stringify({ ...JSON.parse(readFileSync(packageFile, 'utf8')), type: 'module' }));
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', user], { stdio: 'inherit' });

for (const [at, name] of names.entries()) {
  const { page } = examples[at];
  const script = join(user, 'out', name.replace('.ts', '.js'));
  const env = { ...process.env, DETOXQ_HOME: join(user, 'home') };
  const said = execFileSync(process.execPath, [script], { cwd: user, env, encoding: 'utf8' });
  if (said.trim() === '') throw new Error(`example ${at} of ${page} printed nothing`);
  console.log(`example ${at} of ${page}: ${said.trim().split('\n')[0]}`);
}
