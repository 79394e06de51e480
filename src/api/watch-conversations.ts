import { encodeResponse } from '../conversations/watch/response.js';
import type { Deps } from '../deps.js';
import { serverStream } from '../rpc/define.js';

/**
 * WatchConversations streams the events of a tenant's conversations, each at least once. It sends on as fast as the caller
 * takes them (backpressure). Audited.
 */
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
