import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type EmbeddedServer, EmbeddedStartError, startEmbeddedMongo } from '@chatsessions/embedded-mongo';
import { ServerCredentials } from '@grpc/grpc-js';
import { knownCallers } from './callers/known-callers.js';
import { ApplyError } from './catalog/apply-error.js';
import { type AppliedTenant, type ApplyTenantsParts, applyTenants } from './catalog/apply-tenants.js';
import type { EncryptionKey } from './catalog/identity-secrets.js';
import { parseTenantFile } from './catalog/tenant-file.js';
import { type Address, type Config, formatAddress } from './config.js';
import { type GeneratedKey, loadOrMakeKey } from './key-file.js';
import { openDatabase } from './mongo/database.js';
import { explainConnectError } from './mongo/errors.js';
import type { AuditEntry, AuditLog } from './rpc/audit.js';
import type { KnownCaller } from './rpc/authenticate.js';
import { ServiceError } from './rpc/errors.js';
import { YamlFileError } from './yaml/yaml-file.js';

/**
 * What a start needs of its surroundings. Each of these fails with a StartError: the one sentence that tells the
 * operator what is in the way.
 */

/** The service cannot start. The message is one sentence for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** A key that is kept in DATA_DIR, in a file of its own. */
export async function generatedKey({ DATA_DIR }: Config, file: string): Promise<GeneratedKey> {
  try {
    return await loadOrMakeKey(DATA_DIR, file, randomBytes);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

/**
 * The keys that seal identity secrets: the first one seals, all open. In production there are none unless they are
 * set. Elsewhere one is made once it is needed: a service that verifies no identities needs no DATA_DIR for it.
 */
export function identityKeys(config: Config): () => Promise<readonly EncryptionKey[]> {
  const { IDENTITY_ENCRYPTION_KEYS, NODE_ENV } = config;
  const configured = IDENTITY_ENCRYPTION_KEYS ?? (NODE_ENV === 'production' ? [] : undefined);
  let generated: EncryptionKey | undefined;
  return async () => {
    if (configured) return configured;
    if (!generated) {
      await makeDataFolder(config);
      generated = await generatedKey(config, 'identity-encryption-key');
    }
    return [generated];
  };
}

/** Makes DATA_DIR, and its parents. */
export async function makeDataFolder({ DATA_DIR }: Config): Promise<void> {
  try {
    await makeFolder(DATA_DIR);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

/** Node's own `recursive` never ends where a folder can have no children, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  const parent = dirname(resolvePath(path));
  if (!existsSync(parent)) await makeFolder(parent);
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    // Another process made it a moment ago.
    if (!existsSync(path)) throw error;
  });
}

/** Starts the embedded server in DATA_DIR. */
export async function startOwnServer({ DATA_DIR }: Config): Promise<EmbeddedServer> {
  try {
    return await startEmbeddedMongo({ dataDir: DATA_DIR });
  } catch (error) {
    if (error instanceof EmbeddedStartError) throw new StartError(error.message);
    throw error;
  }
}

/** Opens the database. */
export async function connect(uri: string, name: string) {
  try {
    return await openDatabase(uri, name);
  } catch (error) {
    throw new StartError(`MONGODB_URI cannot be used: ${explainConnectError(error)}`);
  }
}

/** What applying a tenant file needs. */
export interface ApplyTenantFileParts extends ApplyTenantsParts {
  readonly audit: AuditLog;
}

/** Applies a tenant file; none when there is none to apply. What it changes is in the audit when this resolves. */
export async function applyTenantFile(
  file: string | URL | undefined,
  parts: ApplyTenantFileParts,
): Promise<AppliedTenant[]> {
  if (file === undefined) return [];
  const fileName = file instanceof URL ? 'demo-tenant.yaml' : file;
  const text = await readText('SEED_FILE', file, fileName);
  const audited = (
    { id, slug }: Pick<AppliedTenant, 'id' | 'slug'>,
    entry: Pick<AuditEntry, 'phase' | 'count'>,
  ) =>
    parts.audit.add(
      { caller: undefined, requestId: 'start' },
      { action: 'ApplyTenantFile', tenantId: id, tenant: slug, ...entry },
    );
  const onApplied = async (applied: AppliedTenant) => {
    // First of all, since it may have a secret that is shown once.
    await parts.onApplied?.(applied);
    if (applied.rowsWritten > 0) await audited(applied, { phase: 'finished', count: applied.rowsWritten });
  };
  const onChange = (tenant: Pick<AppliedTenant, 'id' | 'slug'>) => audited(tenant, { phase: 'started' });
  try {
    return await applyTenants(parseTenantFile(text, { fileName }), { ...parts, onChange, onApplied });
  } catch (error) {
    if (error instanceof YamlFileError || error instanceof ApplyError || error instanceof ServiceError) {
      throw new StartError(error.message);
    }
    throw error;
  }
}

/** Everybody who may call the engine surface. */
export async function engineCallers(config: Config): Promise<KnownCaller[]> {
  const { ENGINE_API_TOKENS: tokens = [], ENGINE_CALLERS_FILE: fileName, GRPC_TLS_CLIENT_CA } = config;
  const file =
    fileName === undefined ? undefined : { fileName, text: await readText('ENGINE_CALLERS_FILE', fileName) };
  try {
    return knownCallers({ tokens, file, asksForCertificates: GRPC_TLS_CLIENT_CA !== undefined });
  } catch (error) {
    if (error instanceof YamlFileError) throw new StartError(error.message);
    throw error;
  }
}

/** Reads a text file that a variable names. */
async function readText(name: string, file: string | URL, fileName = String(file)): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new StartError(`${name} ${fileName} cannot be read: ${messageOf(error)}`);
  }
}

/** The credentials that the GRPC_TLS variables name, each file tried. */
export async function grpcCredentials(config: Config): Promise<ServerCredentials> {
  const { GRPC_TLS_CERT, GRPC_TLS_KEY, GRPC_TLS_CLIENT_CA } = config;
  if (GRPC_TLS_CERT === undefined || GRPC_TLS_KEY === undefined) return ServerCredentials.createInsecure();
  const cert = await readPem('GRPC_TLS_CERT', GRPC_TLS_CERT, (pem) => new X509Certificate(pem));
  const key = await readPem('GRPC_TLS_KEY', GRPC_TLS_KEY, (pem) => createSecureContext({ cert, key: pem }));
  const ca =
    GRPC_TLS_CLIENT_CA === undefined
      ? null
      : await readPem('GRPC_TLS_CLIENT_CA', GRPC_TLS_CLIENT_CA, (pem) => new X509Certificate(pem));
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
}

/** Reads a PEM file, and tries it, so that what is wrong with it is not found by its first caller. */
async function readPem(name: string, path: string, attempt: (pem: Buffer) => unknown): Promise<Buffer> {
  try {
    const pem = await readFile(path);
    attempt(pem);
    return pem;
  } catch (error) {
    throw new StartError(`${name} ${path} cannot be used: ${messageOf(error)}`);
  }
}

/** Listens on an address that a variable names. @returns it with the port that was got */
export async function listen(
  name: string,
  address: Address,
  bind: (address: Address) => Promise<number>,
): Promise<Address> {
  try {
    return { host: address.host, port: await bind(address) };
  } catch (error) {
    const text = messageOf(error);
    const reason = text.includes('EADDRINUSE') ? 'another program has it already' : text;
    throw new StartError(`${name} ${formatAddress(address)} cannot be listened on: ${reason}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
