import type { LoadResult } from './load.js';

/** A request in the two forms that the generators need. */
export interface GrpcRequest {
  readonly json: object;
  readonly bytes: Buffer;
}

/** How a server is called. */
export interface GrpcLoadOptions {
  /** Calls in flight. */
  readonly callers: number;
  /** Connections that they share: 4 unless set, and never more than callers. */
  readonly connections?: number;
  /** The length of the load, in ms. */
  readonly ms: number;
}

/** A load generator for gRPC servers, in another process. It expects the status OK. */
export interface GrpcLoad {
  /** Its name in printed results. */
  readonly name: string;
  /**
   * Calls the unary RPC `/package.Service/Method` of `host:port` with the requests in turn.
   *
   * @throws Error when the generator itself fails; failures of the server are counted
   */
  run(
    target: string,
    path: string,
    requests: readonly GrpcRequest[],
    options: GrpcLoadOptions,
  ): Promise<LoadResult>;
  close(): Promise<void>;
}
