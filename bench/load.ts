import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, credentials } from '@grpc/grpc-js';
import { isInstalled } from '../test/harness/is-installed.js';

/** One unary RPC, called with one request after the other, in turn. */
export interface Load {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requests: readonly { readonly json: object; readonly bytes: Buffer }[];
  /** Calls under way at a time. */
  readonly callers: number;
}

/** Calls a server for a while. */
export interface LoadGenerator {
  /** What it is, for the print. */
  readonly name: string;
  /** @returns how many calls were answered */
  readonly run: (target: string, ms: number) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** `ghz` where it is on the PATH, since it takes a third of the CPU; else this process, with grpc-js. */
export function loadGenerator(load: Load): Promise<LoadGenerator> {
  return isInstalled('ghz') ? ghz(load) : Promise.resolve(ownGenerator(load));
}

async function ghz({ path, requests, callers }: Load): Promise<LoadGenerator> {
  const folder = await mkdtemp(join(tmpdir(), 'chatsessions-bench-'));
  const protoset = join(folder, 'set.binpb');
  const data = join(folder, 'data.json');
  execFileSync('npx', ['buf', 'build', 'proto', '-o', protoset], { stdio: 'ignore' });
  await writeFile(data, JSON.stringify(requests.map(({ json }) => json)));
  const fixed = [
    ...['--insecure', '--protoset', protoset, '--call', path.slice(1).replace('/', '.'), '-D', data],
    ...['-c', String(callers), '--connections', '4', '-O', 'json', '--disable-template-functions'],
  ];
  return {
    name: 'ghz',
    async run(target, ms) {
      const args = [...fixed, '-z', `${ms}ms`, '--duration-stop', 'wait', target];
      const { stdout } = await promisify(execFile)('ghz', args, { maxBuffer: 1 << 30 });
      const { statusCodeDistribution } = JSON.parse(stdout);
      const { OK = 0, ...others } = statusCodeDistribution;
      if (Object.keys(others).length > 0) throw new Error(`refused: ${JSON.stringify(others)}`);
      return OK;
    },
    close: () => rm(folder, { recursive: true }),
  };
}

function ownGenerator({ path, requests, callers }: Load): LoadGenerator {
  const clients = new Map<string, Client>();
  return {
    name: 'grpc-js, in this process',
    async run(target, ms) {
      const client = clients.get(target) ?? new Client(target, credentials.createInsecure());
      clients.set(target, client);
      const until = performance.now() + ms;
      let calls = 0;
      const caller = async () => {
        while (performance.now() < until) {
          await callRaw(client, path, requests[calls++ % requests.length]?.bytes ?? Buffer.alloc(0));
        }
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return calls;
    },
    async close() {
      for (const client of clients.values()) client.close();
    },
  };
}

/** Calls a unary RPC with the bytes of its request. */
export function callRaw(client: Client, path: string, request: Buffer): Promise<Buffer> {
  const same = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, request, (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    );
  });
}
