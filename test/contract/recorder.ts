import { connect, createServer, type Socket } from 'node:net';
import { BSON, type Document } from 'mongodb';

const OP_QUERY = 2004;
const HEADER_BYTES = 16;

/** Stands between the service and its server, and reads every command on its way. */
export interface Recorder {
  /** Where the service connects to. */
  readonly uri: string;
  /** The commands so far, with the documents of their sequences put in, each as it was sent. */
  readonly commands: readonly Document[];
  close(): Promise<void>;
}

/** Starts a recorder before the server on this socket. */
export async function startRecorder(socketPath: string): Promise<Recorder> {
  const commands: Document[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(socketPath);
    let received = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= HEADER_BYTES && received.length >= received.readInt32LE(0)) {
        const length = received.readInt32LE(0);
        commands.push(commandOf(received.subarray(0, length)));
        received = received.subarray(length);
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => client.write(chunk));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return {
    uri: `mongodb://127.0.0.1:${address.port}/?directConnection=true`,
    commands,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The command in one message of the wire protocol. Throws for bytes that are not understood. */
function commandOf(message: Buffer): Document {
  if (message.readInt32LE(12) === OP_QUERY) {
    const nameEnd = message.indexOf(0, HEADER_BYTES + 4);
    return BSON.deserialize(message.subarray(nameEnd + 9));
  }
  let command: Document = {};
  for (let at = HEADER_BYTES + 4; at < message.length; ) {
    const kind = message[at];
    const end = at + 1 + message.readInt32LE(at + 1);
    if (kind === 0) command = { ...BSON.deserialize(message.subarray(at + 1, end)), ...command };
    else {
      const nameEnd = message.indexOf(0, at + 5);
      const documents: Document[] = [];
      for (let from = nameEnd + 1; from < end; from += message.readInt32LE(from))
        documents.push(BSON.deserialize(message.subarray(from, from + message.readInt32LE(from))));
      command = { ...command, [message.toString('utf8', at + 5, nameEnd)]: documents };
    }
    at = end;
  }
  return command;
}
