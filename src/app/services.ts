import { endConversation } from '../api/end-conversation.js';
import { endCustomerSessions } from '../api/end-customer-sessions.js';
import { endSession } from '../api/end-session.js';
import { eraseCustomer } from '../api/erase-customer.js';
import { exportCustomer } from '../api/export-customer.js';
import { getConversation } from '../api/get-conversation.js';
import { getSession } from '../api/get-session.js';
import { listConversations } from '../api/list-conversations.js';
import { openSession } from '../api/open-session.js';
import { refreshSession } from '../api/refresh-session.js';
import { updateConversation } from '../api/update-conversation.js';
import { verifySession } from '../api/verify-session.js';
import { watchConversations } from '../api/watch-conversations.js';
import type { Deps } from '../deps.js';
import type { RpcOf, StreamRpcOf } from '../rpc/define.js';
import type { StreamName, UnaryName } from '../rpc/methods.js';
import type { AnyRpc, AnyStreamRpc } from '../rpc/rpc.js';

type UnaryTable = { readonly [N in UnaryName]: RpcOf<N> };
type StreamTable = { readonly [N in StreamName]: StreamRpcOf<N> };

/**
 * Creates all RPCs of the service. Both tables are total by type: an RPC that is in the proto and not here is a compile
 * error.
 */
export function createServices(deps: Deps): {
  readonly rpcs: readonly AnyRpc[];
  readonly streamRpcs: readonly AnyStreamRpc[];
} {
  const unary: UnaryTable = {
    openSession: openSession(deps),
    getSession: getSession(deps),
    refreshSession: refreshSession(deps),
    endSession: endSession(deps),
    verifySession: verifySession(deps),
    getConversation: getConversation(deps),
    listConversations: listConversations(deps),
    updateConversation: updateConversation(deps),
    endConversation: endConversation(deps),
    endCustomerSessions: endCustomerSessions(deps),
    eraseCustomer: eraseCustomer(deps),
  };
  const streams: StreamTable = {
    exportCustomer: exportCustomer(deps),
    watchConversations: watchConversations(deps),
  };
  return { rpcs: Object.values(unary), streamRpcs: Object.values(streams) };
}
