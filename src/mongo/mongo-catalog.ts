import { Binary } from 'mongodb';
import type { CatalogStore, IdentitySecret, Tenant, WidgetKey } from '../catalog/model.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import type { Database, IdentitySecretDocument, TenantDocument, WidgetKeyDocument } from './database.js';
import { insertIfAbsent, runOperation } from './driver-errors.js';

/** The most ids in one `$in`: with more, the embedded server scans the collection instead of using the index. */
const MAX_IDS = 1_000;

/** The catalogue store in MongoDB. */
export function mongoCatalog({
  tenants,
  widgetKeys,
  identitySecrets,
}: Pick<Database, 'tenants' | 'widgetKeys' | 'identitySecrets'>): CatalogStore {
  return {
    findKey: (publicKey) =>
      runOperation(async () => convertIfFound(await widgetKeys.findOne({ publicKey }), toKey)),
    findKeyById: (id) =>
      runOperation(async () => convertIfFound(await widgetKeys.findOne({ _id: uuidToBinary(id) }), toKey)),
    findTenant: (id) =>
      runOperation(async () => convertIfFound(await tenants.findOne({ _id: uuidToBinary(id) }), toTenant)),
    findTenantBySlug: (slug) =>
      runOperation(async () => convertIfFound(await tenants.findOne({ slug }), toTenant)),

    revisions: (tenantIds) =>
      runOperation(async () => {
        const found = new Map<string, number>();
        for (let from = 0; from < tenantIds.length; from += MAX_IDS) {
          const query = { _id: { $in: tenantIds.slice(from, from + MAX_IDS).map(uuidToBinary) } };
          for await (const { _id, revision } of tenants.find(query, { projection: { revision: 1 } })) {
            found.set(binaryToUuid(_id), revision);
          }
        }
        return found;
      }),

    keysOf: (tenantId) =>
      runOperation(async () =>
        (await widgetKeys.find({ tenantId: uuidToBinary(tenantId) }).toArray()).map(toKey),
      ),

    insertTenant: (tenant) => insertIfAbsent(() => tenants.insertOne(fromTenant(tenant))),

    replaceTenant: (tenant, expectedRevision) =>
      runOperation(async () => {
        const { _id, ...fields } = fromTenant(tenant);
        const { matchedCount } = await tenants.replaceOne({ _id, revision: expectedRevision }, fields);
        return matchedCount === 1;
      }),

    insertKey: (key) => insertIfAbsent(() => widgetKeys.insertOne(fromKey(key))),

    replaceKey: (key) =>
      runOperation(async () => {
        const { _id, ...fields } = fromKey(key);
        await widgetKeys.replaceOne({ _id }, fields);
      }),

    findIdentitySecret: (keyId) =>
      runOperation(async () =>
        convertIfFound(await identitySecrets.findOne({ _id: uuidToBinary(keyId) }), toSecret),
      ),

    insertIdentitySecret: (secret) => insertIfAbsent(() => identitySecrets.insertOne(fromSecret(secret))),

    replaceIdentitySecret: (secret, expectedGeneration) =>
      runOperation(async () => {
        const { _id, ...fields } = fromSecret(secret);
        const guard = { _id, generation: expectedGeneration };
        const { matchedCount } = await identitySecrets.replaceOne(guard, fields);
        return matchedCount === 1;
      }),
  };
}

function convertIfFound<D, T>(document: D | null, convert: (document: D) => T): T | undefined {
  return document === null ? undefined : convert(document);
}

function toTenant({ _id, slug, name, flows, quickQuestions, keysDigest, revision }: TenantDocument): Tenant {
  return {
    id: binaryToUuid(_id),
    slug,
    name,
    flows: flows.map((flow) => ({ ...flow, id: binaryToUuid(flow.id) })),
    quickQuestions: quickQuestions.map(({ question, pageType, flowId }) => ({
      question,
      pageType,
      flowId: flowId && binaryToUuid(flowId),
    })),
    keysDigest,
    revision,
  };
}

function fromTenant({ id, slug, name, flows, quickQuestions, keysDigest, revision }: Tenant): TenantDocument {
  return {
    _id: uuidToBinary(id),
    slug,
    name,
    flows: flows.map((flow) => ({ ...flow, id: uuidToBinary(flow.id) })),
    quickQuestions: quickQuestions.map(({ question, pageType, flowId }) => ({
      question,
      pageType,
      ...(flowId !== undefined && { flowId: uuidToBinary(flowId) }),
    })),
    keysDigest,
    revision,
  };
}

function toKey({ _id, tenantId, endsAt, ...rest }: WidgetKeyDocument): WidgetKey {
  return {
    identity: 'off',
    identitySecretGeneration: 1,
    originMode: 'enforce',
    ...rest,
    id: binaryToUuid(_id),
    tenantId: binaryToUuid(tenantId),
    endsAt: endsAt?.getTime(),
  };
}

function fromKey({ id, tenantId, endsAt, ...rest }: WidgetKey): WidgetKeyDocument {
  return {
    ...rest,
    _id: uuidToBinary(id),
    tenantId: uuidToBinary(tenantId),
    ...(endsAt !== undefined && { endsAt: new Date(endsAt) }),
  };
}

function toSecret({ _id, sealed, ...rest }: IdentitySecretDocument): IdentitySecret {
  return { ...rest, keyId: binaryToUuid(_id), sealed: new Uint8Array(sealed.value()) };
}

function fromSecret({ keyId, sealed, ...rest }: IdentitySecret): IdentitySecretDocument {
  return { ...rest, _id: uuidToBinary(keyId), sealed: new Binary(sealed) };
}
