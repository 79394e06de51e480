import type { ChangeLog, ChangeLogStore } from '../catalog/change-log.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import type { ChangeLogDocument, Database } from './database.js';
import { insertIfAbsent, runOperation } from './driver-errors.js';

const ID = 'catalog';

/** The change log of the catalogue in MongoDB: one document. */
export function mongoChangeLog({ catalogChanges }: Pick<Database, 'catalogChanges'>): ChangeLogStore {
  return {
    length: () =>
      runOperation(async () => {
        const found = await catalogChanges.findOne({ _id: ID }, { projection: { revision: 1 } });
        return found?.revision ?? 0;
      }),

    read: () =>
      runOperation(async () => {
        const found = await catalogChanges.findOne({ _id: ID });
        return found ? { length: found.revision, recent: found.recent.map(binaryToUuid) } : undefined;
      }),

    insert: (log) => insertIfAbsent(() => catalogChanges.insertOne({ _id: ID, ...fieldsOf(log) })),

    replace: (log, expectedLength) =>
      runOperation(async () => {
        const guard = { _id: ID, revision: expectedLength } as const;
        const { matchedCount } = await catalogChanges.replaceOne(guard, fieldsOf(log));
        return matchedCount === 1;
      }),
  };
}

function fieldsOf({ length, recent }: ChangeLog): Omit<ChangeLogDocument, '_id'> {
  return { revision: length, recent: recent.map(uuidToBinary) };
}
