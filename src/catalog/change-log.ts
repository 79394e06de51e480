import { ServiceError } from '../rpc/errors.js';

/** The change log: which tenants were to be changed, the latest last. */
export interface ChangeLog {
  /** The number of announcements ever made. */
  readonly length: number;
  /** The tenant ids of the latest announcements, at most {@link MAX_RECENT}. */
  readonly recent: readonly string[];
}

/** The store of the change log. All methods throw ServiceError unavailable | internal. */
export interface ChangeLogStore {
  /** The length of the log; 0 when there is none. This is what every poll reads. */
  length(): Promise<number>;
  read(): Promise<ChangeLog | undefined>;
  /** @returns false when there is a log. */
  insert(log: ChangeLog): Promise<boolean>;
  /** Compare-and-set on the length. @returns false when the stored length is not `expectedLength`. */
  replace(log: ChangeLog, expectedLength: number): Promise<boolean>;
}

/** The number of announcements in the log. Its document then has 13 KB, and is written once per change. */
export const MAX_RECENT = 500;

/** How often an announcement is tried when other processes announce at the same time. */
const ATTEMPTS = 20;

/**
 * Creates the function that adds a tenant to the change log. Announcements that are made while one is being written
 * leave together in the next write, so that many changes at once do not compete for one document.
 */
export function createAnnouncer(changeLog: ChangeLogStore): (tenantId: string) => Promise<void> {
  let writing: Promise<void> | undefined;
  let next: { readonly ids: string[]; readonly written: Promise<void> } | undefined;

  async function write(ids: readonly string[]): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const log = await changeLog.read();
      const recent = [...(log?.recent ?? []), ...ids].slice(-MAX_RECENT);
      const longer = { length: (log?.length ?? 0) + ids.length, recent };
      if (log ? await changeLog.replace(longer, log.length) : await changeLog.insert(longer)) return;
    }
    const message = 'Too many processes change the catalogue at once.';
    throw new ServiceError('unavailable', message, { retryAfterSeconds: 1 });
  }

  return (tenantId) => {
    if (next) {
      next.ids.push(tenantId);
      return next.written;
    }
    const ids = [tenantId];
    const start = (): Promise<void> => {
      next = undefined;
      writing = write(ids).finally(() => {
        writing = undefined;
      });
      return writing;
    };
    if (!writing) return start();
    next = { ids, written: writing.then(start, start) };
    return next.written;
  };
}
