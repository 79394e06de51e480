import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { seededRandom, tempDir } from '@chatsessions/test-harness';
import { count, seconds } from '../command/options.js';
import { definePart } from '../command/part.js';
import { httpLoad } from '../load/http-generator.js';
import { repoFile } from '../repo-file.js';
import { called, openRequest, warmUp } from '../scaling/opens.js';
import { databasesOf, withPlace, withService } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';
import { applyFile, keyOf, type Shape } from './apply-file.js';

/** Requests of the load with random keys: as many draws, with repetition. */
const DRAWS = 50_000;
const CONNECTIONS = 64;
const SAMPLE_MS = 200;
const WARM_UP_MS = 15_000;

/** Measures `chatsessions apply` of many tenants, and opens over their keys. */
export const applyTenants = definePart({
  name: 'apply-tenants',
  summary: '`chatsessions apply` of 10,000 tenants: time and memory; opens over random keys of them',
  about: `
Writes a tenant file of many YAML documents, applies it with the command line in a process of its own, twice (the second
time nothing changes), and prints times and the most memory of both processes. Then opens sessions in turns with one
widget key and with random keys of all tenants, each round on a new process that is warm, and prints the rates. The
database is the embedded server, or the one that MONGODB_URI names. Linux only.`,
  options: {
    tenants: count('tenants', 10_000),
    flows: count('flows of each', 20),
    keys: count('widget keys of each', 5),
    rounds: count('rounds of opens', 3),
    time: seconds('length of a round', 8),
  },
  async run({ tenants, flows, keys, rounds, time }) {
    const shape: Shape = { tenants, flows, keys };
    const file = join(await tempDir(), 'tenants.yaml');
    await pipeline(applyFile(shape), createWriteStream(file));
    const megabytes = Math.round((await stat(file)).size / 1e6);
    console.log(`${tenants} tenants x ${flows} flows x ${keys} keys: a file of ${megabytes} MB`);
    const databases = await databasesOf(process.env);
    return withPlace(databases, async (place) => {
      let isGood = true;
      await withService(place, async (server) => {
        for (const time of ['first', 'second']) {
          const before = server.memoryMiB();
          const applied = await apply(file, server);
          isGood &&= applied.code === 0;
          console.log(
            `${databases.name}, ${time} apply: ${(applied.ms / 1_000).toFixed(1)} s, ${Math.round((tenants * 1_000) / applied.ms)} tenants/s; ` +
              `client ${applied.clientMiB} MiB at most; service ${Math.round(before)} MiB before, ${applied.serverMiB} MiB at most; ` +
              `${applied.output.trim()}`,
          );
        }
      });
      const load = httpLoad();
      const draw = seededRandom(1);
      const publicKey = () => keyOf(draw.below(tenants), draw.below(keys));
      const loads = {
        'one key': [openRequest({ publicKey: keyOf(0, 0) })],
        'random keys': Array.from({ length: DRAWS }, () => openRequest({ publicKey: publicKey() })),
      };
      for (let round = 1; round <= rounds; round++) {
        for (const [name, requests] of Object.entries(loads)) {
          await withService(place, async (server) => {
            const call = { server, load, requests, connections: CONNECTIONS, ms: time * 1_000 };
            // By then each key that a cache can hold has been asked for, unless misses make the service slow.
            await warmUp(call, WARM_UP_MS);
            const { rate, p99, memoryMiB } = await called(call);
            console.log(
              `round ${round}, ${name}: ${Math.round(rate)} opens/s, p99 ${p99.toFixed(1)} ms, ${Math.round(memoryMiB)} MiB`,
            );
          });
        }
      }
      return isGood ? 0 : 1;
    });
  },
});

/** Applies a file with the command line. @returns its exit code, time and memory, and what it printed */
async function apply(file: string, server: ServerProcess) {
  const began = performance.now();
  const child = spawn(process.execPath, [repoFile('dist/src/main.js'), 'apply', '-f', file], {
    env: { PATH: process.env['PATH'], CHATSESSIONS_ADDR: server.grpc },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  let [clientMiB, serverMiB] = [0, 0];
  const sampling = setInterval(() => {
    clientMiB = Math.max(clientMiB, peakMiB(child.pid));
    serverMiB = Math.max(serverMiB, Math.round(server.memoryMiB()));
  }, SAMPLE_MS);
  const [code] = await once(child, 'close');
  clearInterval(sampling);
  return { code, ms: performance.now() - began, clientMiB, serverMiB, output };
}

/** The most memory that a process has had, in MiB. */
function peakMiB(pid: number | undefined): number {
  try {
    const [, kib] = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1_024);
  } catch {
    return 0;
  }
}
