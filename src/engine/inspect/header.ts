import type { HeaderCheck } from '../../contract/inspection.ts';
import type { Description } from '../architectures/description.ts';
import { namedParameters } from '../architectures/module.ts';
import type { TensorInfo } from '../checkpoint/weights/tensors.ts';

/**
 * Holds the header of the weights against the tree, as transformers does when it loads them: old spellings (`gamma`,
 * `beta`) and a missing or additional base prefix are understood, of a shared tensor one name is enough, and buffers may
 * be left out.
 */
export function checkHeader(description: Description, infos: ReadonlyMap<string, TensorInfo>): HeaderCheck {
  const { tree, shared, buffers, base, obsolete } = description;
  const shapes = new Map([...namedParameters(tree).map(({ name, shape }) => [name, shape] as const), ...buffers]);
  const present = new Set<string>();
  const unexpected: string[] = [];
  const renamed: string[] = [];
  const mismatched: HeaderCheck['mismatched'][number][] = [];
  for (const [written, { shape }] of infos) {
    const name = spellings(written, base).find((spelling) => shapes.has(spelling));
    const expected = name === undefined ? undefined : shapes.get(name);
    if (name === undefined || expected === undefined) {
      if (!spellings(written, base).some((spelling) => obsolete?.test(spelling))) unexpected.push(written);
      continue;
    }
    present.add(shared.get(name) ?? name);
    if (name !== written) renamed.push(written);
    if (shape.join() !== expected.join()) {
      mismatched.push({ name: written, file: `[${shape.join(', ')}]`, config: `[${expected.join(', ')}]` });
    }
  }
  const missing = [...shapes.keys()].filter((name) => !present.has(name) && !shared.has(name) && !buffers.has(name));
  return { missing, unexpected, mismatched, renamed };
}

/** The names under which transformers would look for a tensor of a file. */
function spellings(written: string, base: string): string[] {
  const modern = written.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias');
  const without = modern.startsWith(`${base}.`) ? [modern.slice(base.length + 1)] : [];
  return [written, modern, `${base}.${modern}`, ...without];
}
