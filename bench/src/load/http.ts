import { isInstalled } from '@chatsessions/test-harness';
import { autocannonLoad } from './autocannon.js';
import type { LoadResult } from './load.js';
import { wrk } from './wrk.js';

/** A request as it is sent, again and again. `Host` and `Content-Length` come by themselves. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** How a server is called. */
export interface HttpLoadOptions {
  /** Connections, each with one request at a time. */
  readonly connections: number;
  /** For how long, in ms. */
  readonly ms: number;
  /** The status that is expected: 200 unless set. */
  readonly status?: number;
}

/** Calls an HTTP server for a while, from another process. */
export interface HttpLoad {
  /** What it is, for the print. */
  readonly name: string;
  /**
   * Calls `http://host:port` with one request after the other, in turn.
   *
   * @throws Error when there is no load at all; what the server does wrong is counted
   */
  run(url: string, requests: readonly HttpRequest[], options: HttpLoadOptions): Promise<LoadResult>;
}

/** `wrk` where it is on the PATH, since it takes the least CPU; else autocannon. */
export function httpLoad(): HttpLoad {
  return isInstalled('wrk') ? wrk() : autocannonLoad();
}
