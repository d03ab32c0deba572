import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/*
 * What others copy must not teach them to show passwords, or to publish services that everyone knows the password of.
 */
const ROOT = join(import.meta.dirname, '../..');
const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
const deploy = readdirSync(join(ROOT, 'deploy'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

test.each([join(ROOT, 'docker-compose.yml'), ...deploy])('%s puts no password into arguments', (file) => {
  const text = readFileSync(file, 'utf8');
  expect(text).not.toMatch(/--requirepass|redis-cli[^\n]* (-a|--pass)\b|--from-literal|PGPASSWORD=\S+ psql/);
  expect(text).not.toMatch(/\w+:\/\/[^\s:@/]*:[^\s@/…]+@/);
});

test('compose has no password of its own: each must be given', () => {
  const passwords = [...compose.matchAll(/\$\{(\w*PASSWORD\w*)([^}]*)\}/g)];
  expect(passwords.length).toBeGreaterThan(3);
  for (const [whole, , rest = ''] of passwords) expect(rest, whole).toMatch(/^:\?./);
});

test('compose publishes ports to this machine only', () => {
  const ports = [...compose.matchAll(/^\s*ports: \[(.*)\]/gm)].flatMap(([, list = '']) => list.split(','));
  expect(ports.length).toBe([...compose.matchAll(/^\s*ports:/gm)].length);
  for (const port of ports) expect(port.trim()).toMatch(/^"127\.0\.0\.1:/);
});

test('the example of an ACL has no password: Redis refuses it as it is', () => {
  const acl = readFileSync(join(ROOT, 'deploy/redis-acl/users.acl'), 'utf8');
  expect(acl).not.toMatch(/(^| )(>|nopass)/m);
  for (const [, digest = ''] of acl.matchAll(/ #(\S+)/g)) expect(digest).not.toMatch(/^[0-9a-f]{64}$/);
});

test('examples name the image of this version', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const images = [join(ROOT, 'docker-compose.yml'), ...deploy].flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/image: (detoxq:\S+)/g),
  ]);
  expect(images.length).toBeGreaterThanOrEqual(3);
  for (const [, image] of images) expect(image).toBe(`detoxq:${version}`);
});
