import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * What a pooler does with settings in a client's `options`: pgbouncer refuses them, unless it is told to pass over them
 * (`ignore_startup_parameters`).
 */
export type OptionsRule = 'pass over' | 'refuse';

/**
 * A pooler in transaction mode, as pgbouncer is one: each transaction of a client goes to whichever server connection is
 * free, and the session's state is thrown away after it. For a server that trusts its clients.
 */
export interface FaultPooler {
  readonly port: number;
  /** Transactions that went to another server connection than the client's one before. */
  moves(): number;
  /** Ends the sessions of all clients, as a pooler does that starts anew; its own with the server stay. */
  endSessions(): void;
  close(): Promise<void>;
}

interface Backend {
  readonly socket: Socket;
  client: Client | null;
  resetting: boolean;
  /** Queries and syncs that the server has not answered with "ready". */
  outstanding: number;
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
const SYNC = 'S'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);

export async function startFaultPooler(
  serverPort: number,
  user: string,
  database: string,
  size: number,
  optionsRule: OptionsRule = 'pass over',
): Promise<FaultPooler> {
  const backends: Backend[] = [];
  const queue: Client[] = [];
  const sockets = new Set<Socket>();
  const clients = new Set<Client>();
  let moves = 0;
  // Parameters and key of the first server connection: what every client is greeted with.
  let greeting = Buffer.alloc(0);

  for (let n = 0; n < size; n += 1) {
    // Messages are passed on one by one: together, they would wait 40 ms for each other.
    const socket = connect({ host: '127.0.0.1', port: serverPort, noDelay: true });
    sockets.add(socket);
    socket.on('error', () => {});
    const backend: Backend = { socket, client: null, resetting: false, outstanding: 0 };
    const ready = new Promise<void>((resolve) => {
      eachMessage(socket, (message) => {
        if (backend.client === null && !backend.resetting) {
          if (n === 0) greeting = Buffer.concat([greeting, message]);
          if (message[0] === READY) resolve();
          return;
        }
        if (!backend.resetting && backend.client?.socket.writable) backend.client.socket.write(message);
        if (message[0] !== READY) return;
        backend.outstanding -= 1;
        if (message[5] !== IDLE || backend.outstanding > 0) return;
        if (backend.resetting) {
          backend.resetting = false;
          serve();
          return;
        }
        if (backend.client !== null) backend.client.backend = null;
        backend.client = null;
        backend.resetting = true;
        send(backend, simpleQuery('DISCARD ALL'));
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
      for (const bytes of client.waiting.splice(0)) send(backend, bytes);
    }
  }

  function send(backend: Backend, message: Buffer): void {
    if (message[0] === SYNC || message[0] === QUERY) backend.outstanding += 1;
    backend.socket.write(message);
  }

  /** What a client that went away had open is undone. */
  function leave(client: Client): void {
    clients.delete(client);
    if (queue.includes(client)) queue.splice(queue.indexOf(client), 1);
    if (client.backend !== null) send(client.backend, simpleQuery('ROLLBACK'));
  }

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const client: Client = { socket, backend: null, last: null, waiting: [] };
    clients.add(client);
    socket.on('close', () => leave(client));
    socket.once('data', (startupMessage) => {
      if (optionsRule === 'refuse' && startupMessage.includes('\0options\0')) {
        socket.end(fatal('08P01', 'unsupported startup parameter: options'));
        return;
      }
      socket.write(greeting);
      eachMessage(socket, (message) => {
        if (message[0] === TERMINATE) return;
        if (client.backend !== null) {
          send(client.backend, message);
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
    endSessions() {
      for (const client of clients) client.socket.end(fatal('08P01', 'server conn crashed?'));
    },
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

/** As pgbouncer ends a session: https://www.postgresql.org/docs/current/protocol-error-fields.html */
function fatal(code: string, message: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const header = Buffer.alloc(5);
  header.write('E');
  header.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

function simpleQuery(sql: string): Buffer {
  const header = Buffer.alloc(5);
  header.write('Q');
  header.writeUInt32BE(4 + sql.length + 1, 1);
  return Buffer.concat([header, Buffer.from(`${sql}\0`)]);
}
