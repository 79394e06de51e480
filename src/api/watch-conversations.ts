import { encodeResponse } from '../conversations/watch-response.js';
import type { Deps } from '../deps.js';
import { serverStream } from '../rpc/define.js';

/** WatchConversations: what happens to a tenant's conversations, at least once each, as fast as it is taken. Audited. */
export const watchConversations = serverStream('watchConversations', {
  scope: 'read',
  isResumable: true,
  encode: encodeResponse,

  handle: ({ watches, watchCaps }: Pick<Deps, 'watches' | 'watchCaps'>) =>
    async function* ({ resumeToken }, { tenantId, caller, signal, audit }) {
      const place = resumeToken === '' ? undefined : watches.placeOf(tenantId, resumeToken);
      const release = watchCaps.take(caller?.name);
      try {
        yield* audit.bracketStream(async function* (tally) {
          for await (const response of watches.follow(tenantId, place, signal)) {
            tally.count += response.events.length;
            yield response;
          }
        });
      } finally {
        release();
      }
    },
});
