import { connectionsPerPort } from '../net/open-files.js';

/** What bounds the gRPC edge before anybody is asked who they are. Times are in ms. */
export interface GrpcBounds {
  /** The most connections that are open at once. */
  readonly maxConnections: number;
  /** How long a connection may take until it speaks HTTP/2, TLS included. */
  readonly openingMs: number;
  /** How long a request may take to arrive. */
  readonly requestMs: number;
  /** How long a unary answer may wait for a reader that has stopped. */
  readonly answerMs: number;
  /** The most memory that calls may hold whose request is still arriving, in bytes. */
  readonly maxHeldBytes: number;
  /** How often calls and connections are looked over. */
  readonly sweepMs: number;
}

/** The bounds of the service. */
export const GRPC_BOUNDS: GrpcBounds = {
  // An idle one takes 20 KB, and an engine keeps few.
  maxConnections: connectionsPerPort(5_000),
  openingMs: 10_000,
  // As on the gateway.
  requestMs: 10_000,
  // As a message of a stream.
  answerMs: 30_000,
  maxHeldBytes: 128 * 1024 * 1024,
  sweepMs: 1_000,
};
