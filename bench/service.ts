import { readFileSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import { ChatSessionsClient } from '../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { type ServiceProcess, startService } from '../test/harness/service-process.js';

/** The tenant of a service that nobody configured, and its widget key. */
export const DEMO_TENANT = 'lakeside-books';
export const DEMO_KEY = 'pk_live_de300000000000000000000000000001';

/** A service in a process of its own, on the embedded server. */
export interface MeasuredService {
  readonly client: ChatSessionsClient;
  /** `host:port` of its gRPC server. */
  readonly target: string;
  readonly pid: number;
  /** What its process has for itself, in MiB: RssAnon, without the pages of the data file. Linux only. */
  readonly memory: () => number;
  readonly stop: () => Promise<void>;
}

/** Starts a service to be measured, with the demo tenant. `dataDir` is a folder that another one has filled; else it has one of its own. */
export async function startMeasuredService(dataDir?: string): Promise<MeasuredService> {
  const service: ServiceProcess = await startService({
    LOG_LEVEL: 'warn',
    ...(dataDir !== undefined && { DATA_DIR: dataDir }),
  });
  const [, target = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
  const pid = service.child.pid ?? 0;
  const client = new ChatSessionsClient(target, credentials.createInsecure());
  return {
    client,
    target,
    pid,
    memory() {
      const [, kib = '0'] = /RssAnon:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return Math.round(Number(kib) / 1024);
    },
    async stop() {
      client.close();
      service.child.kill('SIGTERM');
      await service.exited;
    },
  };
}

/** Makes a promise of a unary call. */
export function answered<T>(
  call: (callback: (error: Error | null, response: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)));
  });
}
