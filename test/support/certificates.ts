import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** For `test.skipIf`. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

export interface Certificates {
  /** Paths of PEM files. */
  readonly authority: string;
  /** Of another authority, which signed nothing. */
  readonly stranger: string;
  /** For the name `localhost` and no other. */
  readonly certificate: string;
  readonly key: string;
}

/** An authority and a certificate for a server, made for one test in this folder. */
export function makeCertificates(folder: string): Certificates {
  const openssl = (command: string) => execFileSync('openssl', command.split(' '), { cwd: folder, stdio: 'ignore' });
  for (const name of ['authority', 'stranger']) {
    openssl(`req -x509 -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.pem -days 2 -subj /CN=test-${name}`);
  }
  openssl('req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost');
  openssl(
    'x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out server.pem',
  );
  return {
    authority: join(folder, 'authority.pem'),
    stranger: join(folder, 'stranger.pem'),
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
  };
}
