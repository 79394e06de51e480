import { v7 as uuidV7 } from 'uuid';
import type { OriginReportStore } from '../../src/catalog/key-report.js';
import type { CatalogStore } from '../../src/catalog/model.js';
import type { ConversationStore } from '../../src/conversations/conversation.js';
import type { Database } from '../../src/mongo/database.js';
import { type newConversation, type newKey, newReport, type newSecret, type newTenant } from './rows.js';

/** The stores, and rows that they have. */
export interface Rows {
  readonly database: Database;
  readonly catalog: CatalogStore;
  readonly originReports: OriginReportStore;
  readonly conversations: ConversationStore;
  readonly tenant: ReturnType<typeof newTenant>;
  readonly key: ReturnType<typeof newKey>;
  readonly secret: ReturnType<typeof newSecret>;
  readonly conversation: ReturnType<typeof newConversation>;
}

/** The methods of the stores that look something up, and the index that each must use. */
export const queries: Readonly<
  Record<string, { index: string | readonly string[]; run: (rows: Rows) => Promise<unknown> }>
> = {
  findKey: { index: 'publicKey_1', run: ({ catalog, key }) => catalog.findKey(key.publicKey) },
  findKeyById: { index: '_id_', run: ({ catalog, key }) => catalog.findKeyById(key.id) },
  findTenant: { index: '_id_', run: ({ catalog, tenant }) => catalog.findTenant(tenant.id) },
  findTenantBySlug: { index: 'slug_1', run: ({ catalog, tenant }) => catalog.findTenantBySlug(tenant.slug) },
  revisions: {
    index: '_id_',
    run: ({ catalog, tenant }) => catalog.revisions([tenant.id, uuidV7(), uuidV7()]),
  },
  keysOf: { index: 'tenantId_1', run: ({ catalog, key }) => catalog.keysOf(key.tenantId) },
  listTenants: { index: 'slug_1', run: ({ catalog }) => catalog.listTenants('a', 10) },
  deleteTenant: { index: '_id_', run: ({ catalog }) => catalog.deleteTenant(uuidV7()) },
  replaceTenant: { index: '_id_', run: ({ catalog, tenant }) => catalog.replaceTenant(tenant, 1) },
  findIdentitySecret: {
    index: '_id_',
    run: ({ catalog, secret }) => catalog.findIdentitySecret(secret.keyId),
  },
  replaceIdentitySecret: {
    index: '_id_',
    run: ({ catalog, secret }) => catalog.replaceIdentitySecret(secret, 1),
  },
  replaceKey: { index: '_id_', run: ({ catalog, key }) => catalog.replaceKey(key, 1) },
  deleteAliases: { index: 'tenantId_1', run: ({ catalog, key }) => catalog.deleteAliases(key, 'all') },
  deleteKey: { index: '_id_', run: ({ catalog }) => catalog.deleteKey(uuidV7()) },
  deleteIdentitySecret: { index: '_id_', run: ({ catalog }) => catalog.deleteIdentitySecret(uuidV7()) },
  findReport: { index: '_id_', run: ({ originReports, key }) => originReports.findReport(key.id) },
  replaceReport: {
    index: '_id_',
    run: ({ originReports, key }) => originReports.replaceReport(newReport(key.id), 1),
  },
  deleteReports: {
    index: '_id_',
    run: ({ originReports }) => originReports.deleteReports([uuidV7(), uuidV7()]),
  },
  // An insert that meets its own _id reads what is there.
  insert: {
    index: '_id_',
    run: ({ conversations, conversation }) => conversations.insert(conversation),
  },
  find: { index: '_id_', run: ({ conversations, conversation }) => conversations.find(conversation.id) },
  findAll: {
    index: '_id_',
    run: ({ conversations, conversation }) => conversations.findAll([conversation.id, uuidV7()]),
  },
  findChanged: {
    index: '_id_',
    run: ({ conversations, conversation }) => conversations.findChanged([conversation.id, uuidV7()]),
  },
  replace: {
    index: '_id_',
    run: ({ conversations, conversation }) => conversations.replace(conversation, 1),
  },
  list: {
    index: 'tenantId_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation: { tenantId, createdAt } }) =>
      conversations.list({ tenantId, verifiedOnly: false, openedFrom: createdAt, limit: 20 }),
  },
  'list, the verified ones': {
    index: 'tenantId_1_customerVerified_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation: { tenantId, createdAt } }) =>
      conversations.list({ tenantId, verifiedOnly: true, openedFrom: createdAt, limit: 20 }),
  },
  "list, a customer's": {
    index: 'tenantId_1_customerId_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation: { id, tenantId, customerId, createdAt } }) => {
      const after = { createdAt: createdAt + 1, id };
      return conversations.list({ tenantId, customerId, verifiedOnly: false, after, limit: 20 });
    },
  },
  "list, a customer's verified ones": {
    index: 'tenantId_1_customerId_1_customerVerified_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation: { tenantId, customerId, createdAt } }) =>
      conversations.list({ tenantId, customerId, verifiedOnly: true, openedFrom: createdAt, limit: 100 }),
  },
  listRows: {
    index: 'tenantId_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation: { id, tenantId, createdAt } }) => {
      const after = { createdAt: createdAt + 1, id };
      return conversations.listRows({ tenantId, verifiedOnly: false, after, limit: 20 });
    },
  },
  "listRows, a customer's": {
    index: 'tenantId_1_customerId_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation: { tenantId, customerId } }) =>
      conversations.listRows({ tenantId, customerId, verifiedOnly: false, limit: 20 }),
  },
  changedSince: {
    index: ['changed', 'tenantId_1_createdAt_-1__id_-1'],
    run: ({ conversations, conversation: { id, tenantId, revision, updatedAt } }) =>
      conversations.changedSince(tenantId, updatedAt, { id, revision, updatedAt: updatedAt - 1 }, 20),
  },
  // What is found is then replaced by _id; this customer has nothing.
  deleteOfTenant: {
    index: 'tenantId_1_createdAt_-1__id_-1',
    run: ({ conversations }) => conversations.deleteOfTenant(uuidV7(), 10),
  },
  erase: {
    index: 'tenantId_1_customerId_1_createdAt_-1__id_-1',
    run: ({ conversations, conversation }) =>
      conversations.erase(conversation.tenantId, 'u-nobody', 20, Date.now()),
  },
};

/** Methods that look nothing up. */
export const inserts = ['insertTenant', 'insertKey', 'insertAlias', 'insertIdentitySecret', 'insertReport'];
