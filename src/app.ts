import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { v7 as uuidV7 } from 'uuid';
import { type AppliedTenant, ApplyError, applyTenants } from './catalog/apply-tenants.js';
import { parseTenantFile, TenantFileError } from './catalog/tenant-file.js';
import { createWidgetViews } from './catalog/widget-views.js';
import type { Address, Config } from './config.js';
import { type EmbeddedServer, EmbeddedStartError, startEmbedded } from './embedded/start.js';
import { connectEndpoints } from './gateway/connect.js';
import { restEndpoints } from './gateway/rest.js';
import { createGateway } from './gateway/server.js';
import { createGrpcServer } from './grpc/server.js';
import { mongoCatalog } from './mongo/catalog.js';
import { mongoConversations } from './mongo/conversations.js';
import { openDatabase } from './mongo/database.js';
import { createRandomSource } from './random.js';
import { createAuthenticate } from './rpc/authenticate.js';
import { createInvoke } from './rpc/invoke.js';
import { openSession } from './sessions/open-session.js';
import { loadOrMakeSigningKey } from './sessions/signing-key-file.js';
import { createTokenSigner } from './sessions/token.js';

/** The running service. */
export interface App {
  /** Where it listens, with the ports that it got. */
  readonly addresses: { readonly http: Address; readonly grpc: Address };
  /** The MongoDB server that it stores in: MONGODB_URI, or the embedded one. */
  readonly databaseUri: string;
  /** What applying the tenant file did; none when no file was applied. */
  readonly applied: readonly AppliedTenant[];
  /** Whether it runs on its demo tenant. */
  readonly isDemo: boolean;
  /** Settles, with the reason, when the service cannot go on. */
  readonly failed: Promise<Error>;
  /** Answers what is under way, then stops. Safe to call twice. */
  close(): Promise<void>;
}

/** The service cannot start. The message is one sentence for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** What the service takes from its surroundings; tests put their own in place. */
export interface Surroundings {
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** The tenant file of a service that nobody configured. */
const DEMO_TENANT = new URL('../../src/catalog/demo-tenant.yaml', import.meta.url);
/** The longest that one call may take, in ms. */
const MAX_CALL_MS = 5_000;
/** How old the catalogue may be that a process works with, in ms. */
const CATALOG_POLL_MS = 2_000;
/** How long calls under way may take at the end, in ms: longer than any of them may take. */
const GRACE_MS = 6_000;

/**
 * Brings the service up: database, tenants, and the two surfaces.
 *
 * @throws StartError when something in its surroundings is in the way; nothing is left running then
 */
export async function start(config: Config, { log, now = Date.now }: Surroundings): Promise<App> {
  /** What is up, to be taken down in the opposite order. */
  const closers: (() => Promise<void>)[] = [];
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      for (const closer of closers.reverse()) await closer();
    })();
    return closed;
  };

  try {
    const usesDataFolder = config.MONGODB_URI === undefined || config.SESSION_SIGNING_KEYS === undefined;
    if (usesDataFolder) await makeDataFolder(config);
    const signingKeys = config.SESSION_SIGNING_KEYS ?? ([await generatedKey(config)] as const);
    const embedded = config.MONGODB_URI === undefined ? await startOwnServer(config) : undefined;
    if (embedded) closers.push(() => embedded.close());

    const databaseUri = embedded?.uri ?? config.MONGODB_URI ?? '';
    const database = await connect(databaseUri, config.MONGODB_DB);
    closers.push(() => database.close());

    const catalog = mongoCatalog(database);
    const isDemo = config.SEED_FILE === undefined && embedded !== undefined;
    const applied = await applyTenantFile(config.SEED_FILE ?? (isDemo ? DEMO_TENANT : undefined), {
      store: catalog,
      newId: () => uuidV7(),
      newPublicKey: () => `pk_live_${randomBytes(16).toString('hex')}`,
    });

    const views = createWidgetViews({ store: catalog, now });
    const poll = setInterval(() => {
      views.refresh().catch((error: unknown) => log.warn({ err: error }, 'catalogue not refreshed'));
    }, CATALOG_POLL_MS);
    closers.push(async () => clearInterval(poll));

    const random = createRandomSource();
    const rpcs = [
      openSession({
        views,
        conversations: mongoConversations(database, now),
        signer: createTokenSigner(signingKeys),
        now,
        newId: () => uuidV7({ random: random(16) }),
        newJti: () => random(16).toString('base64url'),
        sessionTtl: config.SESSION_TTL,
        retention: config.RETENTION,
      }),
    ];
    const invoke = createInvoke({
      authenticate: createAuthenticate(config.ENGINE_API_TOKENS ?? []),
      maxCallMs: MAX_CALL_MS,
      now,
      log,
    });

    const gateway = createGateway({
      endpoints: [...restEndpoints(rpcs, invoke), ...connectEndpoints(rpcs, invoke)],
      newRequestId: randomUUID,
      onError: (error) => log.error({ err: error }, 'request failed'),
    });
    const grpc = createGrpcServer({
      rpcs,
      invoke,
      newRequestId: randomUUID,
      credentials: await grpcCredentials(config),
    });
    closers.push(async () => {
      await Promise.all([gateway.close(GRACE_MS), grpc.close(GRACE_MS)]);
    });

    const http = await listen('HTTP_ADDR', config.HTTP_ADDR, ({ host, port }) => gateway.listen(host, port));
    const engine = await listen('GRPC_ADDR', config.GRPC_ADDR, (address) =>
      grpc.listen(formatAddress(address)),
    );
    return {
      addresses: { http, grpc: engine },
      databaseUri,
      applied,
      isDemo,
      failed: embedded?.failed ?? new Promise<Error>(() => {}),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

async function generatedKey({ DATA_DIR }: Config) {
  try {
    return await loadOrMakeSigningKey(DATA_DIR, randomBytes);
  } catch (error) {
    throw new StartError(`DATA_DIR ${DATA_DIR} cannot be used: ${messageOf(error)}`);
  }
}

async function makeDataFolder({ DATA_DIR }: Config): Promise<void> {
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

async function startOwnServer({ DATA_DIR }: Config): Promise<EmbeddedServer> {
  try {
    return await startEmbedded({ dataDir: DATA_DIR });
  } catch (error) {
    if (error instanceof EmbeddedStartError) throw new StartError(error.message);
    throw error;
  }
}

async function connect(uri: string, name: string) {
  try {
    return await openDatabase(uri, name);
  } catch (error) {
    // The driver's text may quote the URI, with its password: only the kind of the error is told.
    throw new StartError(
      `MONGODB_URI cannot be used: ${error instanceof Error ? error.name : 'unknown error'}`,
    );
  }
}

async function applyTenantFile(file: string | URL | undefined, parts: Parameters<typeof applyTenants>[1]) {
  if (file === undefined) return [];
  const fileName = file instanceof URL ? 'demo-tenant.yaml' : file;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new StartError(`SEED_FILE ${fileName} cannot be read: ${messageOf(error)}`);
  }
  try {
    return await applyTenants(parseTenantFile(text, { fileName }), parts);
  } catch (error) {
    if (error instanceof TenantFileError || error instanceof ApplyError) throw new StartError(error.message);
    throw error;
  }
}

async function grpcCredentials(config: Config): Promise<ServerCredentials> {
  const { GRPC_TLS_CERT, GRPC_TLS_KEY, GRPC_TLS_CLIENT_CA } = config;
  if (GRPC_TLS_CERT === undefined || GRPC_TLS_KEY === undefined) return ServerCredentials.createInsecure();
  try {
    const [cert, key, ca] = await Promise.all([
      readFile(GRPC_TLS_CERT),
      readFile(GRPC_TLS_KEY),
      GRPC_TLS_CLIENT_CA === undefined ? null : readFile(GRPC_TLS_CLIENT_CA),
    ]);
    return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
  } catch (error) {
    throw new StartError(`The GRPC_TLS files cannot be used: ${messageOf(error)}`);
  }
}

async function listen(
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
