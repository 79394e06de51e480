import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@chatsessions/test-harness';
import { repoFile } from '../harness/repo-file.js';
import { startService } from '../harness/service-process.js';
import type { Target } from './attack.js';
import type { GivenService } from './options.js';

/** The service under attack. */
export interface Service {
  readonly target: Target;
  /** Its process; undefined when it is not known. */
  readonly pid: number | undefined;
  /** The file that its log goes to; undefined when it is not known. */
  readonly log: string | undefined;
  /** How it ended: its exit code or signal; undefined as long as it runs. */
  readonly end: () => number | string | undefined;
  /** Stops it, if it was started here. */
  readonly stop: () => Promise<void>;
}

/** The key and tenant that the service starts with when nobody configures it. */
const DEMO_KEY = 'pk_live_de300000000000000000000000000001';
const DEMO_TENANT = 'lakeside-books';
/** How long it may take to stop in order, in ms. */
const STOP_MS = 10_000;

/** Linux answers for all of 127.0.0.0/8: there attackers have an address of their own. */
const ATTACK_FROM = process.platform === 'linux' ? '127.0.0.2' : undefined;

/** Starts a service with its embedded server, as an operator would on one machine: engine callers need a token. */
export async function startedService(): Promise<Service> {
  const log = join(await tempDir(), 'log');
  const stderr = openSync(log, 'a');
  const engineToken = randomBytes(32).toString('base64url');
  const env = {
    SEED_FILE: repoFile('src/app/demo-tenant.yaml'),
    ENGINE_API_TOKENS: `visitor:${engineToken}`,
    LOG_LEVEL: 'info',
  };
  const service = await startService(env, [], stderr);
  closeSync(stderr);
  const [, http = '', grpc = ''] = await service.printed(/HTTP and Connect {2}(\S+)\n.*gRPC {2,}(\S+)\n/);
  let end: number | string | undefined;
  void service.exited.then((reason) => {
    end = reason;
  });
  return {
    target: {
      http: addressOf(http),
      grpc: addressOf(`http://${grpc}`),
      publicKey: DEMO_KEY,
      tenant: DEMO_TENANT,
      engineToken,
      attackFrom: ATTACK_FROM,
    },
    pid: service.child.pid,
    log,
    end: () => end,
    async stop() {
      const timer = setTimeout(() => service.child.kill('SIGKILL'), STOP_MS);
      service.child.kill('SIGTERM');
      await service.exited;
      clearTimeout(timer);
    },
  };
}

/** A service that runs already. */
export function givenService({ pid, log, ...given }: GivenService): Service {
  const isIPv4 = given.http.host.startsWith('127.') && given.grpc.host.startsWith('127.');
  return {
    target: { ...given, attackFrom: isIPv4 ? ATTACK_FROM : undefined },
    pid,
    log,
    end: () => undefined,
    stop: async () => {},
  };
}

function addressOf(url: string) {
  const { hostname: host, port } = new URL(url);
  return { host, port: Number(port) };
}
