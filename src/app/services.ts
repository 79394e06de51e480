import { applyTenant } from '../api/catalog/apply-tenant.js';
import { createWidgetKey } from '../api/catalog/create-widget-key.js';
import { deleteFlow } from '../api/catalog/delete-flow.js';
import { deleteTenant } from '../api/catalog/delete-tenant.js';
import { explainOpen } from '../api/catalog/explain-open.js';
import { exportTenant } from '../api/catalog/export-tenant.js';
import { listFlows } from '../api/catalog/list-flows.js';
import { listOriginReports } from '../api/catalog/list-origin-reports.js';
import { listTenants } from '../api/catalog/list-tenants.js';
import { listWidgetKeys } from '../api/catalog/list-widget-keys.js';
import { publishFlow } from '../api/catalog/publish-flow.js';
import { revokeWidgetKey } from '../api/catalog/revoke-widget-key.js';
import { rotateWidgetKey } from '../api/catalog/rotate-widget-key.js';
import { setQuickQuestions } from '../api/catalog/set-quick-questions.js';
import { setWidgetKeyEnabled } from '../api/catalog/set-widget-key-enabled.js';
import { unpublishFlow } from '../api/catalog/unpublish-flow.js';
import { upsertFlow } from '../api/catalog/upsert-flow.js';
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

    applyTenant: applyTenant(deps),
    exportTenant: exportTenant(deps),
    listTenants: listTenants(deps),
    deleteTenant: deleteTenant(deps),
    upsertFlow: upsertFlow(deps),
    publishFlow: publishFlow(deps),
    unpublishFlow: unpublishFlow(deps),
    deleteFlow: deleteFlow(deps),
    listFlows: listFlows(deps),
    setQuickQuestions: setQuickQuestions(deps),
    createWidgetKey: createWidgetKey(deps),
    listWidgetKeys: listWidgetKeys(deps),
    rotateWidgetKey: rotateWidgetKey(deps),
    setWidgetKeyEnabled: setWidgetKeyEnabled(deps),
    revokeWidgetKey: revokeWidgetKey(deps),
    explainOpen: explainOpen(deps),
    listOriginReports: listOriginReports(deps),
  };
  const streams: StreamTable = {
    exportCustomer: exportCustomer(deps),
    watchConversations: watchConversations(deps),
  };
  return { rpcs: Object.values(unary), streamRpcs: Object.values(streams) };
}
