import type { LoadResult } from './load.js';

/** A request. The generator adds `Host` and `Content-Length`. */
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
  /** The length of the load, in ms. */
  readonly ms: number;
  /** The expected status: 200 unless set. */
  readonly status?: number;
}

/** A load generator for HTTP servers, in another process. */
export interface HttpLoad {
  /** Its name in printed results. */
  readonly name: string;
  /**
   * Calls `http://host:port` with the requests in turn.
   *
   * @throws Error when the generator itself fails; failures of the server are counted
   */
  run(url: string, requests: readonly HttpRequest[], options: HttpLoadOptions): Promise<LoadResult>;
}
