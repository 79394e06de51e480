import { type KeyReport, type OriginReportStore, REPORT_KEPT_MS } from '../catalog/key-report.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import type { Database, OriginReportDocument } from './database.js';
import { insertIfAbsent, runOperation } from './driver-errors.js';

/** The store of origin reports in MongoDB: one document for each widget key. */
export function mongoOriginReports({ originReports }: Pick<Database, 'originReports'>): OriginReportStore {
  return {
    findReport: (keyId) =>
      runOperation(async () => {
        const found = await originReports.findOne({ _id: uuidToBinary(keyId) });
        return found === null ? undefined : toReport(found);
      }),

    insertReport: (report) => insertIfAbsent(() => originReports.insertOne(fromReport(report))),

    replaceReport: (report, expectedRevision) =>
      runOperation(async () => {
        const { _id, ...fields } = fromReport(report);
        const { matchedCount } = await originReports.replaceOne({ _id, revision: expectedRevision }, fields);
        return matchedCount === 1;
      }),

    deleteReports: (keyIds) =>
      runOperation(async () => {
        if (keyIds.length > 0) await originReports.deleteMany({ _id: { $in: keyIds.map(uuidToBinary) } });
      }),
  };
}

function toReport({ _id, origins, otherCount, otherSeenAt, revision }: OriginReportDocument): KeyReport {
  return {
    keyId: binaryToUuid(_id),
    origins: origins.map(({ firstSeenAt, lastSeenAt, ...rest }) => ({
      ...rest,
      firstSeenAt: firstSeenAt.getTime(),
      lastSeenAt: lastSeenAt.getTime(),
    })),
    otherCount,
    otherSeenAt: otherSeenAt.getTime(),
    revision,
  };
}

function fromReport({ keyId, origins, otherCount, otherSeenAt, revision }: KeyReport): OriginReportDocument {
  const lastSeenAt = Math.max(otherSeenAt, ...origins.map((one) => one.lastSeenAt));
  return {
    _id: uuidToBinary(keyId),
    origins: origins.map((one) => ({
      ...one,
      firstSeenAt: new Date(one.firstSeenAt),
      lastSeenAt: new Date(one.lastSeenAt),
    })),
    otherCount,
    otherSeenAt: new Date(otherSeenAt),
    revision,
    purgeAt: new Date(lastSeenAt + REPORT_KEPT_MS),
  };
}
