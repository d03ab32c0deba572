import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { DetoxqError } from '../../contract/errors.ts';
import { keepServices, type ServicesStatus, servicesStatus, stopServices } from '../../services/lease.ts';
import { openLog } from '../terminal/log.ts';

export function addServicesCommand(program: Command): void {
  const services = program
    .command('services')
    .description('the embedded Postgres and Redis of this folder: start, stop, status, url')
    .addHelpText(
      'after',
      `
Other verbs start the services they need and stop them at their end. Started here, they stay until "stop":
  detoxq services start && psql "$(detoxq services url)"`,
    );
  services
    .command('start')
    .description('start them and leave them running')
    .action(async () => {
      const { home, searchPath, logLevel, command } = readConfig();
      const status = await keepServices({
        home,
        path: searchPath,
        log: openLog(logLevel ?? 'warn'),
        needs: { postgres: true, redis: true },
      });
      process.stderr.write(`${places(status)}. They run until: ${command} services stop\n`);
    });
  services
    .command('stop')
    .description('stop what "start" left running')
    .action(async () => {
      const users = await stopServices(readConfig().home);
      process.stderr.write(
        users === 0
          ? 'The embedded services are stopped.\n'
          : `${users} commands still use them: they stop with the last of those.\n`,
      );
    });
  services
    .command('status')
    .description('say what runs; exit code 1 when nothing does')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const status = await servicesStatus(readConfig().home);
      if (options.json) {
        const { leases = 0, kept = false } = status ?? {};
        const running = {
          postgres: status?.databaseUrl != null,
          redis: status?.redisUrl != null,
          commands: leases,
          kept,
        };
        process.stdout.write(`${JSON.stringify(running)}\n`);
      } else {
        process.stdout.write(`${status === null ? 'No embedded services are running.' : describe(status)}\n`);
      }
      process.exitCode = status === null ? 1 : 0;
    });
  services
    .command('url')
    .description('print the DATABASE_URL of the running Postgres, password included, for psql')
    .action(async () => {
      const status = await servicesStatus(readConfig().home);
      if (status === null || status.databaseUrl === null) {
        throw new DetoxqError('The embedded Postgres is not running. Start it: detoxq services start');
      }
      process.stdout.write(`${status.databaseUrl}\n`);
    });
}

/** Where they listen, without passwords. */
function places({ databaseUrl, redisUrl }: ServicesStatus): string {
  const at = (url: string | null): string => (url === null ? 'not running' : `on ${new URL(url).host}`);
  return `Postgres ${at(databaseUrl)}, Redis ${at(redisUrl)}`;
}

function describe(status: ServicesStatus): string {
  const users = `${status.leases} ${status.leases === 1 ? 'command uses' : 'commands use'} them`;
  return `${places(status)}; ${users}${status.kept ? ', and they are kept running' : ''}.`;
}
