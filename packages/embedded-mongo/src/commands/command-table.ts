import { MongoError } from '../mongo-error.js';
import { allow, type Command } from '../protocol/command.js';
import { largestMessage } from '../protocol/wire.js';
import type { Bursts } from '../storage/burst.js';
import { type Documents, largestDocument } from '../storage/documents.js';
import type { Cursors } from './cursors.js';
import { find, getMore, killCursors } from './find.js';
import { findAndModify } from './find-and-modify.js';
import { createIndexes, dropDatabase, listIndexes } from './indexes.js';
import { insert, largestBatch, type Reply, remove, update } from './write.js';

/** What commands work with. */
export interface CommandRoom extends Documents {
  readonly bursts: Bursts;
  readonly cursors: Cursors;
  readonly now: () => Date;
}

/** Serves a command of one connection. */
export type Serve = (command: Command, connectionId: number) => Promise<Reply>;

/** The table of commands: these are served, any other is answered with code 59. */
export function commandTable(room: CommandRoom): Serve {
  const { bursts, cursors, now } = room;
  const read = (body: (command: Command) => Reply | Promise<Reply>): Serve => {
    return (command) => bursts.read(() => body(command));
  };
  const write = (body: (command: Command) => Reply): Serve => {
    return (command) => bursts.write(() => body(command));
  };
  const direct = (body: (command: Command, connectionId: number) => Reply): Serve => {
    return async (command, connectionId) => body(command, connectionId);
  };
  const hello = direct((command, connectionId) => helloReply(command, connectionId, now()));
  const table = new Map<string, Serve>([
    ['hello', hello],
    ['isMaster', hello],
    ['ismaster', hello],
    ['ping', direct(plain([], {}))],
    [
      'buildInfo',
      direct(
        plain([], {
          version: '7.0.0',
          versionArray: [7, 0, 0, 0],
          gitVersion: 'embedded',
          bits: 64,
          maxBsonObjectSize: largestDocument,
        }),
      ),
    ],
    ['endSessions', direct(plain([], {}))],
    ['insert', write((command) => insert(room, command))],
    ['update', write((command) => update(room, command, now))],
    ['delete', write((command) => remove(room, command))],
    ['findAndModify', write((command) => findAndModify(room, command, now))],
    ['createIndexes', write((command) => createIndexes(room, command))],
    ['dropDatabase', write((command) => dropDatabase(room, cursors, command))],
    ['find', read((command) => find(room, cursors, command))],
    ['getMore', read((command) => getMore(cursors, command))],
    ['killCursors', read((command) => killCursors(cursors, command))],
    ['listIndexes', read((command) => listIndexes(room, command))],
  ]);
  return async (command, connectionId) => {
    const serve = table.get(command.name);
    if (!serve) throw new MongoError(59, `no such command: '${command.name}'`);
    return serve(command, connectionId);
  };
}

function plain(names: readonly string[], reply: Reply): (command: Command) => Reply {
  return (command) => {
    allow(command, names);
    return { ...reply, ok: 1 };
  };
}

/** A standalone server: one that named a replica set would be sent retryable writes. */
function helloReply(command: Command, connectionId: number, localTime: Date): Reply {
  allow(command, ['helloOk', 'client', 'compression', 'hostInfo', 'backpressure']);
  return {
    helloOk: true,
    ...(command.name === 'hello' ? { isWritablePrimary: true } : { ismaster: true, isWritablePrimary: true }),
    maxBsonObjectSize: largestDocument,
    maxMessageSizeBytes: largestMessage,
    maxWriteBatchSize: largestBatch,
    localTime,
    logicalSessionTimeoutMinutes: 30,
    connectionId,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
    ok: 1,
  };
}
