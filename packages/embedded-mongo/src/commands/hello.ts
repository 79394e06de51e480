import { allow, type Command, type Reply } from '../protocol/command.js';
import { MAX_MESSAGE_BYTES } from '../protocol/wire.js';
import { MAX_DOCUMENT_BYTES } from '../storage/documents.js';
import { MAX_STATEMENTS } from './write.js';

/** Serves `hello` as a standalone server: to a replica set drivers would send retryable writes. */
export function hello(command: Command, connectionId: number, localTime: Date): Reply {
  // Whatever a driver proposes here, it takes the answer for what the server can do.
  allow(command, ['helloOk', 'client', 'compression', 'backpressure']);
  return {
    helloOk: true,
    ...(command.name === 'hello' ? { isWritablePrimary: true } : { ismaster: true, isWritablePrimary: true }),
    maxBsonObjectSize: MAX_DOCUMENT_BYTES,
    maxMessageSizeBytes: MAX_MESSAGE_BYTES,
    maxWriteBatchSize: MAX_STATEMENTS,
    localTime,
    logicalSessionTimeoutMinutes: 30,
    connectionId,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
    ok: 1,
  };
}

/** Serves `buildInfo`. */
export function buildInfo(command: Command): Reply {
  allow(command, []);
  return {
    version: '7.0.0',
    versionArray: [7, 0, 0, 0],
    gitVersion: 'embedded',
    bits: 64,
    maxBsonObjectSize: MAX_DOCUMENT_BYTES,
    ok: 1,
  };
}

/** Serves a command that has nothing to do, such as `ping`. */
export function nothing(command: Command): Reply {
  allow(command, []);
  return { ok: 1 };
}
