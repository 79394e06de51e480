import { randomUUID } from 'node:crypto';
import { tempDir, until } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';
import { sendHttp, type Target } from '../parity/transports.js';
import { type Log, readLog } from './log.js';

/** A service with several workers, on the embedded server. */
export interface Cluster extends Target, Log {
  readonly service: ServiceProcess;
  readonly dataDir: string;
  /** Resolves once so many workers have taken the place of others. */
  readonly replaced: (count: number) => Promise<void>;
  /** Opens sessions on new connections until as many workers as there should be have answered. @returns their pids */
  readonly workers: (count: number) => Promise<readonly number[]>;
}

/** How long processes may take to start, in ms, on a machine that others work on. */
export const START_MS = 30_000;

/** A widget key of the tenants of the parity tables that needs no origin. */
export const KEY = 'pk_live_00000000000000000000000000000005';

/** Starts a service with the tenants of the parity tables; `env` is configuration on top. */
export async function startCluster(env: Readonly<Record<string, string>>): Promise<Cluster> {
  const dataDir = env['DATA_DIR'] ?? (await tempDir());
  const service = await startService({
    DATA_DIR: dataDir,
    SEED_FILE: repoFile('test/cases/open-session.seed.yaml'),
    LOG_LEVEL: 'debug',
    ...env,
  });
  const httpUrl = await httpUrlOf(service);
  const [, grpcTarget = ''] = await service.printed(/gRPC {2,}(\S+)\n/);

  const { logged, answeredBy } = readLog(service.stderr);
  return {
    service,
    dataDir,
    httpUrl,
    grpcTarget,
    logged,
    answeredBy,
    replaced: (count) =>
      until(
        `${count} workers have taken the place of others`,
        async () =>
          logged().filter(({ msg }) => msg === 'a worker took the place of another').length >= count,
        START_MS,
      ),
    async workers(count) {
      const pids = new Set<number | undefined>();
      const sawAll = async () => {
        const requestId = randomUUID();
        await openOnce(httpUrl, requestId);
        await until('its line is there', async () => answeredBy(requestId) !== undefined);
        pids.add(answeredBy(requestId));
        return pids.size === count;
      };
      await until(`${count} workers answer`, sawAll, START_MS);
      return [...pids].flatMap((pid) => pid ?? []);
    },
  };
}

/** Opens a session on a connection of its own. @returns the conversation id. @throws Error when it is refused */
export async function openOnce(
  httpUrl: string,
  requestId: string,
  over: Parameters<typeof sendHttp>[2] = false,
): Promise<string> {
  const headers = { 'content-type': 'application/json', 'x-request-id': requestId };
  const body = Buffer.from(JSON.stringify({ publicKey: KEY }));
  const url = `${httpUrl}/api/public/v1/chat/sessions`;
  const answer = await sendHttp(url, { method: 'POST', headers, body }, over);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
  return JSON.parse(answer.body.toString()).conversationId;
}

/** The ids of all conversations that a service has stored; it must be up. */
export async function storedConversations(dataDir: string): Promise<ReadonlySet<string>> {
  const socket = encodeURIComponent(`${dataDir}/embedded/mongodb.sock`);
  const client = new MongoClient(`mongodb://${socket}/?directConnection=true`);
  try {
    const rows = client
      .db('chatsessions')
      .collection('conversations')
      .find({}, { projection: { _id: 1 } });
    return new Set((await rows.toArray()).map(({ _id }) => String(_id)));
  } finally {
    await client.close();
  }
}

/** Whether a process is there. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
