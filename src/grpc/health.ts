import type { Server, UntypedHandleCall } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { GrpcStatus } from '../rpc/errors.js';
import { boundHandler, type LibraryCall } from './bounded-handler.js';

/** The paths of the health service that are served. */
export const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
export const HEALTH_LIST = '/grpc.health.v1.Health/List';
export const HEALTH_WATCH = '/grpc.health.v1.Health/Watch';
/** The maximum size of a request, in bytes: the name of a service, which an unknown one's answer repeats. */
export const HEALTH_BYTES = 256;

/** The most calls of each health RPC that are open at once: callers need no credentials. */
const MAX_OPEN = 100;

/** The health of a gRPC server. */
export interface Health {
  /** Answers NOT_SERVING from now on, and ends the watches after telling them. */
  readonly stop: () => void;
}

/**
 * Adds the health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) to a server. `services` are
 * the names that it knows; '' is the whole server. It needs no credentials and never asks the database: a database that
 * is down for a moment must not restart every process.
 */
export function addHealth(server: Server, services: readonly string[]): Health {
  const names = ['', ...services];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  const watches = new Set<LibraryCall>();

  const watchWith = (watch: UntypedHandleCall) => (call: LibraryCall) => {
    watches.add(call);
    call.on('cancelled', () => watches.delete(call));
    // The library would keep each unknown name for ever. None becomes known, so nothing needs to be told later.
    if (names.includes(serviceOf(call.request))) Reflect.apply(watch, health, [call]);
    else call.write({ status: 'SERVICE_UNKNOWN' });
  };

  health.addToServer({
    addService(definition, { check, watch, list }) {
      if (!check || !watch || !list) throw new Error('grpc-health-check has other RPCs');
      server.addService(definition, {
        Check: boundHandler(check, MAX_OPEN),
        Watch: boundHandler(watchWith(watch), MAX_OPEN),
        List: boundHandler(list, MAX_OPEN),
      });
    },
  });

  return {
    stop() {
      for (const name of names) health.setStatus(name, 'NOT_SERVING');
      for (const call of watches) {
        call.emit('error', { code: GrpcStatus.UNAVAILABLE, details: 'The server stops.' });
      }
      watches.clear();
    },
  };
}

/** The name in a HealthCheckRequest. */
function serviceOf(request: unknown): string {
  const name: unknown =
    typeof request === 'object' && request !== null ? Reflect.get(request, 'service') : undefined;
  return typeof name === 'string' ? name : '';
}
