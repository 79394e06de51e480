import { type Encodable, encodeDocument, rawDocument } from '../bson/encode.js';
import { viewOf } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import { allow, type Command, collectionName, databaseName } from '../protocol/command.js';
import { projection } from '../query/project.js';
import { sortOf } from '../query/sort.js';
import { type Documents, deleteDocument, insertDocument, replaceDocument } from '../storage/documents.js';
import { changeOf } from './change.js';
import { matching, type Reply } from './write.js';

/** Serves `findAndModify`: finds one document and changes it, with nothing in between. */
export function findAndModify(at: Documents, command: Command, now: () => Date): Reply {
  allow(command, [
    'query',
    'sort',
    'remove',
    'update',
    'new',
    'upsert',
    'fields',
    'arrayFilters',
    'bypassDocumentValidation',
  ]);
  if (command.flag('bypassDocumentValidation')) {
    throw new MongoError(72, 'the embedded server does not support bypassDocumentValidation');
  }
  const name = collectionName(command);
  const filter = command.document('query') ?? {};
  const project = projection(command.document('fields') ?? {});
  const isRemove = command.flag('remove');
  const isUpsert = command.flag('upsert');
  const wantsNew = command.flag('new');
  if (isRemove === command.has('update'))
    throw new MongoError(9, 'Either an update or remove=true must be specified');
  if (isRemove && (isUpsert || wantsNew))
    throw new MongoError(9, "Cannot specify upsert or new with 'remove'");
  if (Array.isArray(command.view('update'))) {
    throw new MongoError(72, 'the embedded server has no pipeline updates');
  }
  const shown = (bytes: Buffer): Encodable =>
    rawDocument(project ? encodeDocument(project(viewOf(bytes))) : bytes);

  const [found] = matching(at, command, filter, name, sortOf(command.document('sort') ?? {}), 1);
  if (isRemove) {
    const collection = at.catalog.find(databaseName(command), name);
    if (!found || !collection) return { lastErrorObject: { n: 0 }, value: null, ok: 1 };
    deleteDocument(at, collection, found);
    return { lastErrorObject: { n: 1 }, value: shown(found.bytes), ok: 1 };
  }

  const arrayFilters = command.documents('arrayFilters').map((bytes) => viewOf(bytes));
  const change = changeOf(command.bytes('update') ?? Buffer.alloc(0), arrayFilters, now);
  if (!found && !isUpsert) return { lastErrorObject: { n: 0, updatedExisting: false }, value: null, ok: 1 };
  const collection = at.catalog.ensure(databaseName(command), name);
  if (!found) {
    const made = insertDocument(at, collection, change.create(filter));
    const upserted = viewOf(made.bytes)['_id'];
    return {
      lastErrorObject: { n: 1, updatedExisting: false, upserted },
      value: wantsNew ? shown(made.bytes) : null,
      ok: 1,
    };
  }
  const changed = change.apply(found.bytes, filter);
  replaceDocument(at, collection, found, changed);
  return {
    lastErrorObject: { n: 1, updatedExisting: true },
    value: shown(wantsNew ? changed : found.bytes),
    ok: 1,
  };
}
