import { isInstalled } from '@chatsessions/test-harness';
import { ghz } from './ghz.js';
import type { LoadResult } from './load.js';
import { ownGrpcLoad } from './own-grpc.js';

/** One request, in both of the forms that generators want. */
export interface GrpcRequest {
  readonly json: object;
  readonly bytes: Buffer;
}

/** How a server is called. */
export interface GrpcLoadOptions {
  /** Calls under way at a time. */
  readonly callers: number;
  /** Connections that they share: 4 unless set, and never more than callers. */
  readonly connections?: number;
  /** For how long, in ms. */
  readonly ms: number;
}

/** Calls a gRPC server for a while, from another process. Expected is the status OK. */
export interface GrpcLoad {
  /** What it is, for the print. */
  readonly name: string;
  /**
   * Calls the unary RPC `/package.Service/Method` of `host:port` with one request after the other, in turn.
   *
   * @throws Error when there is no load at all; what the server does wrong is counted
   */
  run(
    target: string,
    path: string,
    requests: readonly GrpcRequest[],
    options: GrpcLoadOptions,
  ): Promise<LoadResult>;
  close(): Promise<void>;
}

/** `ghz` where it is on the PATH, since it takes a third of the CPU; else a process of our own, with grpc-js. */
export async function grpcLoad(): Promise<GrpcLoad> {
  return isInstalled('ghz') ? ghz() : ownGrpcLoad();
}
