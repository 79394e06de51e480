/** The names of databases that the service can use: MongoDB allows more, but not on every system. */
export const DATABASE_NAME = /^[A-Za-z0-9_-]{1,38}$/;

/** MongoDB's own databases. A connection string with `/admin` means where its user is stored, not where to store. */
const RESERVED = ['admin', 'local', 'config'];

/** The database to store in and the variable that names it, or why there is none. */
export type DatabaseChoice =
  | { readonly name: string; readonly source: 'environment' | 'MONGODB_URI' | 'default' }
  | { readonly problem: string };

/** Chooses the database: MONGODB_DB, else the one in the path of MONGODB_URI, else `chatsessions`. */
export function databaseOf(env: Readonly<Record<string, string | undefined>>): DatabaseChoice {
  const { MONGODB_DB: set, MONGODB_URI: uri = '' } = env;
  if (set !== undefined) return { name: set, source: 'environment' };
  const [, path = ''] = /^mongodb(?:\+srv)?:\/\/[^/?]*\/([^?]*)/.exec(uri) ?? [];
  if (path === '') return { name: 'chatsessions', source: 'default' };
  if (RESERVED.includes(path)) {
    return {
      problem: `MONGODB_URI names MongoDB's own database ${path}: set MONGODB_DB, or write ?authSource=${path} if the user is stored there`,
    };
  }
  if (!DATABASE_NAME.test(path)) {
    // The path is not quoted: after an unescaped slash it is a part of the password.
    return {
      problem:
        'MONGODB_URI has a database in its path that is not 1 to 38 characters of A-Z a-z 0-9 _ -; a / in a password is written %2F',
    };
  }
  return { name: path, source: 'MONGODB_URI' };
}
