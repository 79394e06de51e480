import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Elapsed } from '../time/elapsed.js';
import {
  emptyReport,
  type KeyReport,
  MAX_REPORTED,
  mergeReport,
  type OriginReportStore,
  type OriginSeen,
} from './key-report.js';
import type { WidgetView } from './widget-view.js';

/**
 * Counts the origins that widget keys in the mode `report` let through. An open only counts in memory; the counts are
 * written in batches, and those of several processes add up.
 */
export interface OriginReports {
  /** Takes note of an open in the mode `report`; logs once an hour that the key is in this mode. */
  opened(view: Pick<WidgetView, 'keyId' | 'tenantSlug' | 'origins'>, origin: string | undefined): void;
  /** The report of a key, with all that this process has counted. @throws ServiceError of the store */
  find(keyId: string): Promise<KeyReport>;
  /** Writes what has been counted. What cannot be written is kept for the next time; it never rejects. */
  flush(): Promise<void>;
  /** Deletes the reports of widget keys that are deleted. @throws ServiceError of the store */
  deleteOriginReports(keyIds: readonly string[]): Promise<void>;
}

/** What {@link createOriginReports} needs. */
export interface OriginReportsDeps {
  readonly store: OriginReportStore;
  /** Whether a widget key still exists: a deleted one gets no new report. */
  readonly keyExists: (keyId: string) => Promise<boolean>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly elapsed: Elapsed;
}

const HOUR_MS = 60 * 60 * 1000;
/** The maximum of keys with counts in memory, and of keys whose hour is remembered. */
const MAX_KEYS = 10_000;
/** The maximum of origins in memory, over all keys: 300 characters each at most, 10 MB in all. */
const MAX_ORIGINS = 20_000;
/** How often a report is tried that other processes write at the same time. */
const ATTEMPTS = 5;

interface Pending {
  readonly origins: Map<string, OriginSeen>;
  /** Opens from origins for which there was no room. */
  other: number;
}

/** Creates the counter. Its owner calls {@link OriginReports.flush} every few seconds, and when the process stops. */
export function createOriginReports(deps: OriginReportsDeps): OriginReports {
  const { store, keyExists, log, now, elapsed } = deps;
  let pending = new Map<string, Pending>();
  let originCount = 0;
  const toldThisHour = new LRUCache<string, true>({
    ...{ max: MAX_KEYS, ttl: HOUR_MS, ttlResolution: 0 },
    perf: { now: elapsed },
  });
  /** Writes run one after the other: two of the same key would only retry each other. */
  let tail: Promise<unknown> = Promise.resolve();

  function add(keyId: string, origin: string, seen: OriginSeen): void {
    let ofKey = pending.get(keyId);
    if (!ofKey) {
      if (pending.size >= MAX_KEYS) return;
      ofKey = { origins: new Map(), other: 0 };
      pending.set(keyId, ofKey);
    }
    const known = ofKey.origins.get(origin);
    if (known) {
      const firstSeenAt = Math.min(known.firstSeenAt, seen.firstSeenAt);
      const lastSeenAt = Math.max(known.lastSeenAt, seen.lastSeenAt);
      ofKey.origins.set(origin, { count: known.count + seen.count, firstSeenAt, lastSeenAt });
      // Twice the stored maximum: an origin that comes often is found among many that come once.
    } else if (ofKey.origins.size < 2 * MAX_REPORTED && originCount < MAX_ORIGINS) {
      ofKey.origins.set(origin, seen);
      originCount++;
    } else {
      ofKey.other += seen.count;
    }
  }

  async function writeAll(): Promise<void> {
    const batch = pending;
    pending = new Map();
    originCount = 0;
    let failure: unknown;
    for (const [keyId, counted] of batch) {
      // After the first failure the rest is kept without trying: each try would wait for the database's timeout.
      try {
        if (failure === undefined && (await write(keyId, counted))) continue;
      } catch (error) {
        failure = error;
      }
      restore(keyId, counted);
    }
    if (failure !== undefined) log.warn({ err: failure }, 'origin reports not written');
  }

  function restore(keyId: string, { origins, other }: Pending): void {
    for (const [origin, seen] of origins) add(keyId, origin, seen);
    const ofKey = pending.get(keyId);
    if (ofKey) ofKey.other += other;
  }

  /** @returns false when other processes were faster each time */
  async function write(keyId: string, { origins, other }: Pending): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const stored = await store.findReport(keyId);
      const counted = [...origins].map(([origin, seen]) => ({ origin, ...seen }));
      const merged = mergeReport(stored ?? emptyReport(keyId), { origins: counted, other }, now());
      if (stored ? await store.replaceReport(merged, stored.revision) : await insert(merged)) return true;
    }
    return false;
  }

  async function insert(report: KeyReport): Promise<boolean> {
    return (await keyExists(report.keyId)) ? store.insertReport(report) : true;
  }

  /** Runs work after the writes that were asked for before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = tail.then(work);
    tail = done.catch(() => {});
    return done;
  }

  return {
    opened({ keyId, tenantSlug, origins }, origin) {
      if (origins.mode !== 'report') return;
      if (!toldThisHour.has(keyId)) {
        toldThisHour.set(keyId, true);
        log.warn(
          { tenant: tenantSlug, widgetKeyId: keyId },
          'this widget key only reports origins: any website can use it until its originMode is enforce',
        );
      }
      if (origin === undefined || origins.decide(origin).reason !== 'report_mode') return;
      const time = now();
      add(keyId, origin, { count: 1, firstSeenAt: time, lastSeenAt: time });
    },

    async find(keyId) {
      await inTurn(writeAll);
      return mergeReport(
        (await store.findReport(keyId)) ?? emptyReport(keyId),
        { origins: [], other: 0 },
        now(),
      );
    },

    flush: () => inTurn(writeAll),

    deleteOriginReports: (keyIds) =>
      inTurn(async () => {
        for (const keyId of keyIds) pending.delete(keyId);
        await store.deleteReports(keyIds);
      }),
  };
}
