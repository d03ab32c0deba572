/**
 * A command that uses embedded services, for tests that kill it: `node services-owner.ts HOME PATH`.
 * Prints `{ databaseUrl, redisUrl }` and stays until its standard input ends; ignores Ctrl-C, as a draining worker does.
 */
import { openServices } from '../../src/services/services.ts';

const [home = '', path = ''] = process.argv.slice(2);
process.on('SIGINT', () => process.stdout.write('SIGINT\n'));
const log = { debug() {}, info() {}, warn() {}, error() {} };
const { databaseUrl, redisUrl, close } = await openServices({ home, path, log });
process.stdout.write(`${JSON.stringify({ databaseUrl, redisUrl })}\n`);
process.stdin.resume();
process.stdin.once('end', async () => {
  await close();
  process.stdout.write('closed\n');
});
