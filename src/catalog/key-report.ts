/** How often an origin came, and when. Times are in ms since the epoch. */
export interface OriginSeen {
  readonly count: number;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
}

/** One origin of a report. */
export interface ReportedOrigin extends OriginSeen {
  readonly origin: string;
}

/** What a widget key in the mode `report` has let through although no pattern allows it. */
export interface KeyReport {
  readonly keyId: string;
  /** At most {@link MAX_REPORTED}, the most frequent first. */
  readonly origins: readonly ReportedOrigin[];
  /** Opens from origins beyond those. */
  readonly otherCount: number;
  /** When the last of the others came; 0 when there are none. */
  readonly otherSeenAt: number;
  /** Counts the changes. */
  readonly revision: number;
}

/** The store of origin reports. All methods throw ServiceError unavailable | internal. */
export interface OriginReportStore {
  findReport(keyId: string): Promise<KeyReport | undefined>;
  /** @returns false when the key has a report. */
  insertReport(report: KeyReport): Promise<boolean>;
  /** Compare-and-set on the revision. @returns false when the stored revision is not `expectedRevision`. */
  replaceReport(report: KeyReport, expectedRevision: number): Promise<boolean>;
  deleteReports(keyIds: readonly string[]): Promise<void>;
}

/** The maximum of origins in a report. */
export const MAX_REPORTED = 100;
/** How long an origin that does not come again stays in a report, in ms. */
export const REPORT_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** The report of a key that has let nothing through. */
export function emptyReport(keyId: string): KeyReport {
  return { keyId, origins: [], otherCount: 0, otherSeenAt: 0, revision: 0 };
}

/**
 * Adds counts to a report. Origins that have not come for 30 days are forgotten. When there are more than fit, the most
 * frequent stay, and of equal ones the latest, so that an invented origin that came once cannot keep its place.
 */
export function mergeReport(
  report: KeyReport,
  counted: { readonly origins: readonly ReportedOrigin[]; readonly other: number },
  now: number,
): KeyReport {
  const since = now - REPORT_KEPT_MS;
  const byOrigin = new Map(report.origins.map((one) => [one.origin, one]));
  for (const one of counted.origins) {
    const known = byOrigin.get(one.origin);
    byOrigin.set(one.origin, known ? addSeen(known, one) : one);
  }
  const recent = [...byOrigin.values()].filter(({ lastSeenAt }) => lastSeenAt >= since).sort(byRank);
  const dropped = recent.slice(MAX_REPORTED);
  const others = report.otherSeenAt >= since ? report.otherCount : 0;
  const added = counted.other + dropped.reduce((sum, { count }) => sum + count, 0);
  return {
    keyId: report.keyId,
    origins: recent.slice(0, MAX_REPORTED),
    otherCount: others + added,
    otherSeenAt: added > 0 ? now : others > 0 ? report.otherSeenAt : 0,
    revision: report.revision + 1,
  };
}

function addSeen(known: ReportedOrigin, more: OriginSeen): ReportedOrigin {
  return {
    origin: known.origin,
    count: known.count + more.count,
    firstSeenAt: Math.min(known.firstSeenAt, more.firstSeenAt),
    lastSeenAt: Math.max(known.lastSeenAt, more.lastSeenAt),
  };
}

function byRank(a: ReportedOrigin, b: ReportedOrigin): number {
  return b.count - a.count || b.lastSeenAt - a.lastSeenAt || (a.origin < b.origin ? -1 : 1);
}
