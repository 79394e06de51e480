import type { MongoClient } from 'mongodb';

/** The servers of MongoDB's protocol that tests tell apart. */
export type ServerKind = 'embedded' | 'ferretdb' | 'mongodb';

/** Asks a server what it is. One that its `buildInfo` does not name otherwise is a `mongodb`. */
export async function serverKind(
  client: MongoClient,
): Promise<{ readonly kind: ServerKind; readonly version: string }> {
  const { gitVersion, ferretdb, version } = await client.db('admin').command({ buildInfo: 1 });
  if (gitVersion === 'embedded') return { kind: 'embedded', version };
  return { kind: ferretdb === undefined ? 'mongodb' : 'ferretdb', version };
}
