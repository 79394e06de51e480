import { MongoError } from '../mongo-error.js';
import type { Command, Reply, Serve } from '../protocol/command.js';
import type { CommitQueue } from '../storage/commit-queue.js';
import type { Documents } from '../storage/documents.js';
import type { Cursors } from './cursors.js';
import { find, getMore, killCursors } from './find.js';
import { buildInfo, hello, nothing } from './hello.js';
import { createIndexes, dropDatabase, listIndexes } from './indexes.js';
import { insert, remove, update } from './write.js';

/** What commands work with. */
export interface CommandDeps extends Documents {
  readonly queue: CommitQueue;
  readonly cursors: Cursors;
  readonly now: () => Date;
}

/** Serves the commands of its table, and answers any other with code 59. */
export function serveCommands(deps: CommandDeps): Serve {
  const { queue, cursors, now } = deps;
  const read = (body: (command: Command) => Reply | Promise<Reply>): Serve => {
    return (command) => queue.read(() => body(command));
  };
  const write = (body: (command: Command) => Reply): Serve => {
    return (command) => queue.write(() => body(command));
  };
  const direct = (body: (command: Command, connectionId: number) => Reply): Serve => {
    return async (command, connectionId) => body(command, connectionId);
  };
  const greet = direct((command, connectionId) => hello(command, connectionId, now()));
  const table = new Map<string, Serve>([
    ['hello', greet],
    ['isMaster', greet],
    ['ismaster', greet],
    ['ping', direct(nothing)],
    ['endSessions', direct(nothing)],
    ['buildInfo', direct(buildInfo)],
    ['insert', write((command) => insert(deps, command))],
    ['update', write((command) => update(deps, command))],
    ['delete', write((command) => remove(deps, command))],
    ['createIndexes', write((command) => createIndexes(deps, command))],
    ['dropDatabase', write((command) => dropDatabase(deps, command))],
    ['find', read((command) => find(deps, cursors, command))],
    ['getMore', read((command) => getMore(cursors, command))],
    ['killCursors', read((command) => killCursors(cursors, command))],
    ['listIndexes', read((command) => listIndexes(deps, command))],
  ]);
  return async (command, connectionId) => {
    const serve = table.get(command.name);
    if (!serve) throw new MongoError(59, `no such command: '${command.name}'`);
    return serve(command, connectionId);
  };
}
