import type { GrpcLoadOptions } from './grpc.js';

/** How many connections the callers share. */
export function connectionsOf({ callers, connections = 4 }: GrpcLoadOptions): number {
  return Math.min(connections, callers);
}
