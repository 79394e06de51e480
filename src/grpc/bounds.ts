import { connectionsPerPort } from '../net/open-files.js';

/** The limits of the gRPC edge that hold before a caller is authenticated. Times are in ms. */
export interface GrpcBounds {
  /** The most connections that are open at once. */
  readonly maxConnections: number;
  /** How long a connection may take for its TLS handshake and HTTP/2 preface. */
  readonly openingMs: number;
  /** How long a request may take to arrive. */
  readonly requestMs: number;
  /** How long a unary answer may wait for a reader that has stopped. */
  readonly answerMs: number;
  /** The most memory that all calls with an unfinished request may hold, in bytes. */
  readonly maxHeldBytes: number;
  /** How often calls and connections are checked against these limits. */
  readonly sweepMs: number;
}

/** The service's limits. */
export const GRPC_BOUNDS: GrpcBounds = {
  // An idle one takes 20 KB, and internal services keep few.
  maxConnections: connectionsPerPort(5_000),
  openingMs: 10_000,
  // The same as on the gateway.
  requestMs: 10_000,
  // The same as for a message of a stream.
  answerMs: 30_000,
  maxHeldBytes: 128 * 1024 * 1024,
  sweepMs: 1_000,
};
