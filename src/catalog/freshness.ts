import { type ChangeLogStore, createAnnouncer } from './change-log.js';
import type { CatalogStore } from './model.js';
import type { TenantIdCache } from './tenant-ids.js';
import type { WidgetViewCache } from './widget-views.js';

/**
 * Keeps the catalogue caches of all processes fresh, at the cost of one small read per process and poll.
 *
 * A writer adds its tenant to one shared change log *before* it writes. Every process polls the length of that log, and
 * checks the revisions of the tenants that were added to it at each poll from then on, for as long as the announced
 * write can still take effect. So a change shows at the first poll after its write, even when the writer dies, or
 * loses the connection, between any two steps.
 */
export interface Freshness {
  /**
   * Announces that a tenant will change, runs `writes`, and then evicts the tenant in this process. Nothing is written
   * when the announcement fails. Every change of the catalogue goes through this. Work that may take longer than
   * {@link SETTLED_MS} calls it for each of its steps.
   *
   * @throws ServiceError unavailable | internal; the errors of `writes`
   */
  change<T>(tenantId: string, writes: () => Promise<T>): Promise<T>;
  /** Evicts what other processes have changed. @throws ServiceError unavailable | internal; the next poll catches up */
  poll(): Promise<void>;
}

/** What {@link createFreshness} needs. */
export interface FreshnessDeps {
  readonly changeLog: ChangeLogStore;
  readonly store: Pick<CatalogStore, 'revisions'>;
  readonly views: Pick<
    WidgetViewCache,
    'hasTenant' | 'tenants' | 'evict' | 'evictStale' | 'forgetUnfinished'
  >;
  readonly tenants: Pick<TenantIdCache, 'clear'>;
  /** The monotonic clock, in ms. */
  readonly elapsed: () => number;
}

/**
 * How long an announced write can still take effect, in ms. An operation is given up after 4 s, but the driver may send
 * it again until its own limits are reached: 3 s to select a server and 4 s of silence, twice.
 */
const SETTLED_MS = 30_000;

/** How often some of the tenants in use are checked without an announcement, in ms. */
const CHECK_MS = 30_000;
/** How many tenants such a check covers: one query. */
const CHECK_SIZE = 1_000;

/** Creates the {@link Freshness} of a process. Its caches may be filled before the first poll. */
export function createFreshness(deps: FreshnessDeps): Freshness {
  const { changeLog, store, views, tenants, elapsed } = deps;
  const announce = createAnnouncer(changeLog);
  /** The announced tenants whose writes may still take effect, and until when. */
  const unsettled = new Map<string, number>();
  let seenLength: number | undefined;
  let mustCheckAll = false;
  let nextCheck = elapsed() + CHECK_MS;
  let unchecked: string[] = [];

  /** Reads what was announced since the last poll. */
  async function readAnnouncements(at: number): Promise<void> {
    if ((await changeLog.length()) === seenLength) return;
    const { length, recent } = (await changeLog.read()) ?? { length: 0, recent: [] };
    const missed = seenLength === undefined ? Number.POSITIVE_INFINITY : length - seenLength;
    // A shorter log is that of a restored backup.
    const isGap = missed < 0 || missed > recent.length;
    for (const id of isGap ? recent : recent.slice(recent.length - missed))
      unsettled.set(id, at + SETTLED_MS);
    mustCheckAll ||= isGap;
    seenLength = length;
  }

  /** The next tenants in use to check without an announcement; none most of the time. */
  function takeUnannounced(at: number): string[] {
    if (at < nextCheck) return [];
    nextCheck = at + CHECK_MS;
    if (unchecked.length === 0) unchecked = [...views.tenants()];
    return unchecked.splice(0, CHECK_SIZE);
  }

  async function pollOnce(): Promise<void> {
    const at = elapsed();
    await readAnnouncements(at);
    const isChecked = mustCheckAll;
    if (unsettled.size > 0 || isChecked) {
      // Whatever is being read now may be older than the change. No await may separate this from the list of tenants
      // to check: a view is either in that list, or read after this.
      views.forgetUnfinished();
      tenants.clear();
    }
    const announced = isChecked ? views.tenants() : [...unsettled.keys()].filter(views.hasTenant);
    const ids = [...new Set([...announced, ...takeUnannounced(at)])];
    if (ids.length > 0) views.evictStale(ids, await store.revisions(ids));
    // Only a check that began after a write was settled may be the last one of its tenant.
    for (const [id, until] of unsettled) if (until <= at) unsettled.delete(id);
    if (isChecked) mustCheckAll = false;
  }

  let polling: Promise<void> | undefined;
  return {
    async change(tenantId, writes) {
      await announce(tenantId);
      try {
        return await writes();
      } finally {
        // After a failure too: the write may have taken effect although its answer was lost.
        views.evict(tenantId);
        tenants.clear();
      }
    },

    poll() {
      polling ??= pollOnce().finally(() => {
        polling = undefined;
      });
      return polling;
    },
  };
}
