import { Binary, type Filter } from 'mongodb';
import type { CatalogStore, IdentitySecret, PublicKeyAlias, Tenant, WidgetKey } from '../catalog/model.js';
import { binaryToUuid, uuidToBinary } from './binary-uuid.js';
import type {
  Database,
  IdentitySecretDocument,
  PublicKeyAliasDocument,
  TenantDocument,
  WidgetKeyDocument,
} from './database.js';
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
      runOperation(async () => {
        const found = await widgetKeys.findOne({ publicKey });
        return convertIfFound(
          found && isAlias(found) ? await widgetKeys.findOne({ _id: found.aliasOf }) : found,
          toKey,
        );
      }),
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
        (await widgetKeys.find({ tenantId: uuidToBinary(tenantId) }).toArray()).flatMap(
          (found) => toKey(found) ?? [],
        ),
      ),

    insertTenant: (tenant) => insertIfAbsent(() => tenants.insertOne(fromTenant(tenant))),

    replaceTenant: (tenant, expectedRevision) =>
      runOperation(async () => {
        const { _id, ...fields } = fromTenant(tenant);
        const { matchedCount } = await tenants.replaceOne({ _id, revision: expectedRevision }, fields);
        return matchedCount === 1;
      }),

    insertKey: (key) => insertIfAbsent(() => widgetKeys.insertOne(fromKey(key))),

    replaceKey: (key, expectedRevision) =>
      runOperation(async () => {
        const { _id, ...fields } = fromKey(key);
        const { matchedCount } = await widgetKeys.replaceOne(
          { _id, ...atRevision(expectedRevision) },
          fields,
        );
        return matchedCount === 1;
      }),

    insertAlias: (alias) => insertIfAbsent(() => widgetKeys.insertOne(fromAlias(alias))),

    deleteAliases: ({ id, tenantId }, except) =>
      runOperation(async () => {
        const ofTenant = await widgetKeys.find({ tenantId: uuidToBinary(tenantId) }).toArray();
        const ids = ofTenant
          .filter(isAlias)
          .filter(({ aliasOf, publicKey }) => binaryToUuid(aliasOf) === id && !except.includes(publicKey))
          .map(({ _id }) => _id);
        if (ids.length > 0) await widgetKeys.deleteMany({ _id: { $in: ids } });
      }),

    deleteKey: (id) =>
      runOperation(async () => {
        await widgetKeys.deleteMany({ _id: { $in: [uuidToBinary(id)] } });
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

    deleteIdentitySecret: (keyId) =>
      runOperation(async () => {
        await identitySecrets.deleteMany({ _id: { $in: [uuidToBinary(keyId)] } });
      }),
  };
}

/** The revision of a widget key that was never replaced. */
const FIRST_REVISION = 1;

/** Documents of versions before revisions lack the member, and count as the first revision. */
function atRevision(revision: number): Filter<WidgetKeyDocument | PublicKeyAliasDocument> {
  if (revision !== FIRST_REVISION) return { revision };
  return { $or: [{ revision }, { revision: { $exists: false } }] };
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

function isAlias(document: WidgetKeyDocument | PublicKeyAliasDocument): document is PublicKeyAliasDocument {
  return 'aliasOf' in document;
}

function toKey(document: WidgetKeyDocument | PublicKeyAliasDocument): WidgetKey | undefined {
  if (isAlias(document)) return undefined;
  const { _id, tenantId, endsAt, publicKey, currentPublicKey, retiredPublicKeys, ...rest } = document;
  const retired = retiredPublicKeys?.map(({ until, ...one }) => ({ ...one, until: until.getTime() })) ?? [];
  return {
    identity: 'off',
    identitySecretGeneration: 1,
    revision: FIRST_REVISION,
    originMode: 'enforce',
    ...rest,
    id: binaryToUuid(_id),
    tenantId: binaryToUuid(tenantId),
    publicKey: currentPublicKey ?? publicKey,
    ...(currentPublicKey !== undefined && { rotation: { firstPublicKey: publicKey, retired } }),
    endsAt: endsAt?.getTime(),
  };
}

function fromKey({ id, tenantId, endsAt, publicKey, rotation, ...rest }: WidgetKey): WidgetKeyDocument {
  return {
    ...rest,
    _id: uuidToBinary(id),
    tenantId: uuidToBinary(tenantId),
    publicKey: rotation?.firstPublicKey ?? publicKey,
    ...(rotation && {
      currentPublicKey: publicKey,
      retiredPublicKeys: rotation.retired.map(({ until, ...one }) => ({ ...one, until: new Date(until) })),
    }),
    ...(endsAt !== undefined && { endsAt: new Date(endsAt) }),
  };
}

function fromAlias({ id, publicKey, keyId, tenantId }: PublicKeyAlias): PublicKeyAliasDocument {
  return {
    _id: uuidToBinary(id),
    publicKey,
    aliasOf: uuidToBinary(keyId),
    tenantId: uuidToBinary(tenantId),
  };
}

function toSecret({ _id, sealed, ...rest }: IdentitySecretDocument): IdentitySecret {
  return { ...rest, keyId: binaryToUuid(_id), sealed: new Uint8Array(sealed.value()) };
}

function fromSecret({ keyId, sealed, ...rest }: IdentitySecret): IdentitySecretDocument {
  return { ...rest, _id: uuidToBinary(keyId), sealed: new Binary(sealed) };
}
