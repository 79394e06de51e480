import { proposedPattern } from '../../catalog/nearest-origin.js';
import { timestamp } from '../../conversations/message.js';
import type { Deps } from '../../deps.js';
import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

/** ListOriginReports: the origins that a widget key has let through although no rule allows them, audited. */
export const listOriginReports = unary('listOriginReports', {
  scope: 'read',
  handle:
    ({ catalog, originReports }: Pick<Deps, 'catalog' | 'originReports'>) =>
    async ({ name }, { tenantId, audit }) => {
      const key = (await catalog.keysOf(tenantId)).find((one) => one.name === name);
      if (!key) throw new ServiceError('not_found', 'There is no such widget key.');
      const { origins, otherCount } = await originReports.find(key.id);
      await audit.done(origins.length);
      return {
        reports: origins.map(({ origin, count, firstSeenAt, lastSeenAt }) => ({
          ...{ origin, count },
          firstSeenAt: timestamp(firstSeenAt),
          lastSeenAt: timestamp(lastSeenAt),
          proposedRule: proposedPattern(origin),
        })),
        otherCount,
      };
    },
});
