import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * A pooler in transaction mode, as pgbouncer is one: each transaction of a client goes to whichever server connection is
 * free, and the session's state is thrown away after it. For a server that trusts its clients.
 */
export interface FaultPooler {
  readonly port: number;
  /** Transactions that went to another server connection than the client's one before. */
  moves(): number;
  close(): Promise<void>;
}

interface Backend {
  readonly socket: Socket;
  client: Client | null;
  resetting: boolean;
}

interface Client {
  readonly socket: Socket;
  backend: Backend | null;
  last: Backend | null;
  /** Bytes that wait for a server connection. */
  readonly waiting: Buffer[];
}

const READY = 'Z'.charCodeAt(0);
const IDLE = 'I'.charCodeAt(0);
const TERMINATE = 'X'.charCodeAt(0);

export async function startFaultPooler(
  serverPort: number,
  user: string,
  database: string,
  size: number,
): Promise<FaultPooler> {
  const backends: Backend[] = [];
  const queue: Client[] = [];
  const sockets = new Set<Socket>();
  let moves = 0;
  // Parameters and key of the first server connection: what every client is greeted with.
  let greeting = Buffer.alloc(0);

  for (let n = 0; n < size; n += 1) {
    const socket = connect({ host: '127.0.0.1', port: serverPort });
    sockets.add(socket);
    socket.on('error', () => {});
    const backend: Backend = { socket, client: null, resetting: false };
    const ready = new Promise<void>((resolve) => {
      eachMessage(socket, (message) => {
        if (backend.client === null && !backend.resetting) {
          if (n === 0) greeting = Buffer.concat([greeting, message]);
          if (message[0] === READY) resolve();
          return;
        }
        if (!backend.resetting) backend.client?.socket.write(message);
        if (message[0] !== READY || message[5] !== IDLE) return;
        if (backend.resetting) {
          backend.resetting = false;
          serve();
          return;
        }
        if (backend.client !== null) backend.client.backend = null;
        backend.client = null;
        backend.resetting = true;
        socket.write(simpleQuery('DISCARD ALL'));
      });
    });
    socket.write(startup({ user, database }));
    await ready;
    backends.push(backend);
  }

  function serve(): void {
    for (;;) {
      // The one that was free the longest, so that a client moves.
      const at = backends.findIndex((each) => each.client === null && !each.resetting);
      const client = queue[0];
      if (at < 0 || client === undefined) return;
      const [backend] = backends.splice(at, 1);
      if (backend === undefined) return;
      backends.push(backend);
      queue.shift();
      if (client.last !== null && client.last !== backend) moves += 1;
      client.backend = backend;
      client.last = backend;
      backend.client = client;
      for (const bytes of client.waiting.splice(0)) backend.socket.write(bytes);
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const client: Client = { socket, backend: null, last: null, waiting: [] };
    socket.once('data', () => {
      socket.write(greeting);
      eachMessage(socket, (message) => {
        if (message[0] === TERMINATE) return;
        if (client.backend !== null) {
          client.backend.socket.write(message);
          return;
        }
        client.waiting.push(message);
        if (!queue.includes(client)) queue.push(client);
        serve();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    moves: () => moves,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Cuts a stream of the Postgres protocol into messages: a letter, a length that counts itself, a body. */
function eachMessage(socket: Socket, take: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 5) {
      const length = 1 + rest.readUInt32BE(1);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      take(message);
    }
  });
}

function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const body = `${Object.entries(parameters).flat().join('\0')}\0\0`;
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + body.length, 0);
  header.writeUInt32BE(3 << 16, 4);
  return Buffer.concat([header, Buffer.from(body)]);
}

function simpleQuery(sql: string): Buffer {
  const header = Buffer.alloc(5);
  header.write('Q');
  header.writeUInt32BE(4 + sql.length + 1, 1);
  return Buffer.concat([header, Buffer.from(`${sql}\0`)]);
}
