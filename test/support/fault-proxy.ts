import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP connection that passes through: what a network can do to it. */
export interface FaultProxy {
  readonly port: number;
  /** Connections made so far. */
  connections(): number;
  /** New connections go there. */
  retarget(port: number): void;
  /** Ends every connection, and refuses new ones until `mend`. */
  cut(): void;
  /** Every chunk of data waits so long, in both directions. */
  delay(ms: number): void;
  /**
   * Open connections fall silent in both directions without being closed, as behind a firewall that forgot them.
   * New ones pass.
   */
  halfOpen(): void;
  /** Ends connections that fell silent, as keep-alive of both systems does after a while. */
  endSilent(): void;
  /** Passes on again; connections that fell silent stay so. */
  mend(): void;
  close(): Promise<void>;
}

interface Link {
  readonly sockets: readonly Socket[];
  silent: boolean;
}

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let target = targetPort;
  let delayMs = 0;
  let refusing = false;
  let made = 0;
  const links = new Set<Link>();

  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    made += 1;
    const upstream = connect({ host: '127.0.0.1', port: target });
    const link: Link = { sockets: [client, upstream], silent: false };
    links.add(link);
    pass(client, upstream, link);
    pass(upstream, client, link);
  });

  function pass(from: Socket, to: Socket, link: Link): void {
    from.on('data', (data) => {
      if (link.silent) return;
      if (delayMs === 0) to.write(data);
      else setTimeout(() => !link.silent && to.write(data), delayMs);
    });
    from.on('error', () => {});
    from.on('close', () => {
      // Of a silent connection, neither end hears that the other is gone.
      if (link.silent) return;
      links.delete(link);
      to.destroy();
    });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const destroyAll = (): void => {
    for (const link of links) for (const socket of link.sockets) socket.destroy();
    links.clear();
  };
  return {
    port: address.port,
    connections: () => made,
    retarget(port) {
      target = port;
    },
    cut() {
      refusing = true;
      destroyAll();
    },
    delay(ms) {
      delayMs = ms;
    },
    halfOpen() {
      for (const link of links) link.silent = true;
    },
    endSilent() {
      for (const link of links) {
        if (!link.silent) continue;
        for (const socket of link.sockets) socket.destroy();
        links.delete(link);
      }
    },
    mend() {
      refusing = false;
      delayMs = 0;
    },
    async close() {
      server.close();
      destroyAll();
      await once(server, 'close');
    },
  };
}
