import { Binary, type Filter } from 'mongodb';
import { deriveName, nameKeys } from '../catalog/key-names.js';
import type {
  CatalogStore,
  IdentitySecret,
  PublicKeyAlias,
  Tenant,
  TenantSummary,
  WidgetKey,
} from '../catalog/model.js';
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
        nameKeys(
          (await widgetKeys.find({ tenantId: uuidToBinary(tenantId) }).toArray()).flatMap(
            (found) => toNamelessKey(found) ?? [],
          ),
        ),
      ),

    listTenants: (after, limit) =>
      runOperation(async () => {
        const filter = after === '' ? {} : { slug: { $gt: after } };
        const found: TenantSummary[] = [];
        // One tenant may have megabytes of flows, so each is counted and let go.
        const cursor = tenants.find(filter).sort({ slug: 1 }).limit(limit);
        for await (const { slug, name, revision, flows } of cursor) {
          const publishedFlowCount = flows.filter(({ published }) => published).length;
          found.push({ slug, name, revision, flowCount: flows.length, publishedFlowCount });
        }
        return found;
      }),

    insertTenant: (tenant) => insertIfAbsent(() => tenants.insertOne(fromTenant(tenant))),

    replaceTenant: (tenant, expectedRevision) =>
      runOperation(async () => {
        const { _id, ...fields } = fromTenant(tenant);
        const { matchedCount } = await tenants.replaceOne({ _id, revision: expectedRevision }, fields);
        return matchedCount === 1;
      }),

    deleteTenant: (id) =>
      runOperation(async () => {
        await tenants.deleteMany({ _id: { $in: [uuidToBinary(id)] } });
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

    deleteAliases: ({ id, tenantId }, publicKeys) =>
      runOperation(async () => {
        if (publicKeys.length === 0) return;
        const ofTenant = await widgetKeys.find({ tenantId: uuidToBinary(tenantId) }).toArray();
        const ids = ofTenant
          .filter(isAlias)
          .filter(({ aliasOf }) => binaryToUuid(aliasOf) === id)
          .filter(({ publicKey }) => publicKeys === 'all' || publicKeys.includes(publicKey))
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

function toTenant({ _id, flows, quickQuestions, ...rest }: TenantDocument): Tenant {
  const { slug, name, revision, applied, claimedUntil, deletingSince } = rest;
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
    revision,
    ...(applied && { applied }),
    ...(claimedUntil && { claimedUntil: claimedUntil.getTime() }),
    ...(deletingSince && { deletingSince: deletingSince.getTime() }),
  };
}

function fromTenant({
  id,
  flows,
  quickQuestions,
  claimedUntil,
  deletingSince,
  ...rest
}: Tenant): TenantDocument {
  return {
    ...rest,
    _id: uuidToBinary(id),
    flows: flows.map((flow) => ({ ...flow, id: uuidToBinary(flow.id) })),
    quickQuestions: quickQuestions.map(({ question, pageType, flowId }) => ({
      question,
      pageType,
      ...(flowId !== undefined && { flowId: uuidToBinary(flowId) }),
    })),
    ...(claimedUntil !== undefined && { claimedUntil: new Date(claimedUntil) }),
    ...(deletingSince !== undefined && { deletingSince: new Date(deletingSince) }),
  };
}

function isAlias(document: WidgetKeyDocument | PublicKeyAliasDocument): document is PublicKeyAliasDocument {
  return 'aliasOf' in document;
}

/** One key by itself. If its document has no name, this one may be another key's too; `keysOf` tells them apart. */
function toKey(document: WidgetKeyDocument | PublicKeyAliasDocument): WidgetKey | undefined {
  const key = toNamelessKey(document);
  return key && { ...key, name: key.name ?? deriveName(key.label, new Set()) };
}

function toNamelessKey(
  document: WidgetKeyDocument | PublicKeyAliasDocument,
): (Omit<WidgetKey, 'name'> & { readonly name?: string }) | undefined {
  if (isAlias(document)) return undefined;
  const { _id, tenantId, isNameDerived, endsAt, publicKey, currentPublicKey, retiredPublicKeys, ...rest } =
    document;
  const retired = retiredPublicKeys?.map(({ until, ...one }) => ({ ...one, until: until.getTime() })) ?? [];
  return {
    identity: 'off',
    identitySecretGeneration: 1,
    revision: FIRST_REVISION,
    originMode: 'enforce',
    ...rest,
    id: binaryToUuid(_id),
    tenantId: binaryToUuid(tenantId),
    ...(rest.name === undefined && { nameSource: 'unstored' }),
    ...(isNameDerived && { nameSource: 'derived' }),
    publicKey: currentPublicKey ?? publicKey,
    ...(currentPublicKey !== undefined && { rotation: { firstPublicKey: publicKey, retired } }),
    endsAt: endsAt?.getTime(),
  };
}

function fromKey(key: WidgetKey): WidgetKeyDocument {
  const { id, tenantId, nameSource, endsAt, publicKey, rotation, ...rest } = key;
  return {
    ...rest,
    ...(nameSource && { isNameDerived: true }),
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
