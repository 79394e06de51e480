import { z } from 'zod';
import { isEngineToken } from '../callers/engine-token.js';
import { CALLER_NAME } from '../rpc/call.js';
import { nearest } from '../yaml/nearest.js';
import { DATABASE_NAME, databaseOf } from './database-name.js';
import { findMisspelled } from './misspelled.js';
import { type ResolvedEnvironment, readSecretFiles, SECRETS } from './secret-files.js';

/** An address to listen on. */
export interface Address {
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The addresses of both surfaces. */
export interface Addresses {
  /** The address of the gateway. */
  readonly http: Address;
  readonly grpc: Address;
}

/** Formats an address as `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Whether only this machine can reach an address. */
export function isLoopback({ host }: Address): boolean {
  return LOOPBACK.test(host);
}

const address = z.string().transform((text, context): Address => {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    context.addIssue({ code: 'custom', message: 'must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080' });
    return z.NEVER;
  }
  return { host, port: Number(port) };
});

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A duration such as `90s`, `15m`, `1h` or `90d`, in seconds. */
const duration = (min: string, max: string) =>
  z.string().transform((text, context): number => {
    const seconds = toSeconds(text);
    if (seconds === undefined || seconds < (toSeconds(min) ?? 0) || seconds > (toSeconds(max) ?? 0)) {
      context.addIssue({
        code: 'custom',
        message: `must be a duration from ${min} to ${max}, in s, m, h or d`,
      });
      return z.NEVER;
    }
    return seconds;
  });

function toSeconds(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNIT_SECONDS[unit] ?? 0);
}

/** A whole number, in plain digits. */
const wholeNumber = (min: number, max: number) =>
  z.string().transform((text, context): number => {
    const number = Number(text);
    if (!/^\d{1,6}$/.test(text) || number < min || number > max) {
      context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
      return z.NEVER;
    }
    return number;
  });

/** Parses `first:rest,first:rest`; each item is split at its first colon. */
function parsePairs(text: string): [string, string][] {
  return text.split(',').map((item) => {
    const colon = item.indexOf(':');
    return [item.slice(0, Math.max(colon, 0)).trim(), item.slice(colon + 1).trim()];
  });
}

/** Decodes base64 with or without padding. Other text gives no bytes; Node would skip the invalid characters. */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const bare = (base64: string) => base64.replace(/=+$/, '');
  return bare(bytes.toString('base64')) === bare(text) ? bytes : Buffer.alloc(0);
}

/** A keyring `kid:base64,…` with at least one key. `size` describes, for the error message, what `fitsSize` accepts. */
const keyring = (size: string, fitsSize: (bytes: number) => boolean) =>
  z.string().transform((text, context) => {
    const keys = parsePairs(text).map(([kid, base64]) => ({ kid, secret: decodeBase64(base64) }));
    const kids = new Set(keys.map(({ kid }) => kid));
    const fits = keys.every(
      ({ kid, secret }) => /^[A-Za-z0-9_-]{1,32}$/.test(kid) && fitsSize(secret.length),
    );
    const [first, ...others] = keys;
    if (!fits || kids.size !== keys.length || first === undefined) {
      context.addIssue({
        code: 'custom',
        message: `must be kid:base64,… with different kids of A-Z a-z 0-9 _ - and ${size} in each secret`,
      });
      return z.NEVER;
    }
    return [first, ...others] as const;
  });
const signingKeys = keyring('at least 32 bytes', (bytes) => bytes >= 32);
const encryptionKeys = keyring('exactly 32 bytes', (bytes) => bytes === 32);

const engineTokens = z.string().transform((text, context) => {
  const tokens = parsePairs(text).map(([name, token]) => ({ name, token }));
  const fits = tokens.every(({ name, token }) => {
    return CALLER_NAME.test(name) && isEngineToken(token);
  });
  if (!fits || new Set(tokens.map(({ token }) => token)).size !== tokens.length) {
    context.addIssue({
      code: 'custom',
      message: 'must be name:token,… with different tokens of at least 16 printable ASCII characters',
    });
    return z.NEVER;
  }
  return tokens;
});

const mongoUri = z.string().regex(/^mongodb(\+srv)?:\/\//, 'must start with mongodb:// or mongodb+srv://');
const databaseName = z.string().regex(DATABASE_NAME, 'must be 1 to 38 characters of A-Z a-z 0-9 _ -');
const secretFile = (name: string) => z.string().optional().describe(`file that holds ${name}, instead of it`);

const MODES = ['development', 'test', 'production'] as const;
const mode = z.enum(MODES, {
  error({ input }) {
    const text = typeof input === 'string' ? input.toLowerCase() : '';
    // Abbreviations such as `prod` are too far for the edit distance.
    const short = MODES.find((name) => text !== '' && name.startsWith(text));
    const hint = short === undefined ? nearest(text, MODES) : `; did you mean ${short}?`;
    return `must be development, test or production${hint}`;
  },
});

/** All environment variables of the service, with their descriptions for `--help`. */
const variables = {
  HTTP_ADDR: address.optional().describe('public HTTP address (127.0.0.1:8080; in production 0.0.0.0:8080)'),
  GRPC_ADDR: address.default({ host: '127.0.0.1', port: 50_051 }).describe('gRPC address (127.0.0.1:50051)'),
  WORKERS: wholeNumber(1, 64).default(1).describe('processes that answer on these addresses, up to 64 (1)'),
  MONGODB_URI: mongoUri.optional().describe('MongoDB to store in (none: the embedded server)'),
  MONGODB_URI_FILE: secretFile('MONGODB_URI'),
  MONGODB_DB: databaseName
    .optional()
    .describe('database name (that in the path of MONGODB_URI, else chatsessions)'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('folder of the embedded server and of generated keys (./data)'),
  SEED_FILE: z.string().min(1).optional().describe('tenant file (YAML) that is applied at start'),
  SESSION_SIGNING_KEYS: signingKeys
    .optional()
    .describe('kid:base64,… the first signs, all verify (none: one is made and kept in DATA_DIR)'),
  SESSION_SIGNING_KEYS_FILE: secretFile('SESSION_SIGNING_KEYS'),
  IDENTITY_ENCRYPTION_KEYS: encryptionKeys
    .optional()
    .describe(
      'kid:base64,… that seal identity secrets: the first seals, all open (none: one is made and kept in DATA_DIR; in production no widget key can verify identities)',
    ),
  IDENTITY_ENCRYPTION_KEYS_FILE: secretFile('IDENTITY_ENCRYPTION_KEYS'),
  SESSION_TTL: duration('1m', '24h').default(3_600).describe('how long a session lasts (1h)'),
  RESUME_WINDOW: duration('0s', '7d')
    .default(86_400)
    .describe('how long after its end a session can still be refreshed (24h)'),
  SESSION_MAX_AGE: duration('1m', '365d')
    .default(7 * 86_400)
    .describe('how long after its opening a session can be refreshed (7d)'),
  RETENTION: duration('1d', '3650d')
    .default(90 * 86_400)
    .describe('how long a conversation is kept after its last change (90d)'),
  ENGINE_API_TOKENS: engineTokens
    .optional()
    .describe('name:token,… services that may do everything over gRPC (none, and no callers file: open)'),
  ENGINE_API_TOKENS_FILE: secretFile('ENGINE_API_TOKENS'),
  ENGINE_CALLERS_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('callers file (YAML): services that may call gRPC, each with its tenants and scopes (none)'),
  GRPC_TLS_CERT: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file: certificate of the gRPC server (none: plain text)'),
  GRPC_TLS_KEY: z.string().min(1).optional().describe('PEM file: its private key'),
  GRPC_TLS_CLIENT_CA: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file: clients must show a certificate of this authority'),
  GRPC_REFLECTION: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'whether gRPC reflection answers, to anybody (none: true unless engine callers are configured)',
    ),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('fatal, error, warn, info, debug (every call), trace or silent (info)'),
  NODE_ENV: mode
    .default('development')
    .describe(
      'development, test, or production: refuse to start with anything that is for development only (development)',
    ),
};

const schema = z.object(variables);

type Environment = Readonly<Record<string, string | undefined>>;

/** Finds variables that are missing, or that contradict each other. The format of each one is checked by the schema. */
function findConflicts(env: Environment): string[] {
  const problems: string[] = [];
  if ((env['GRPC_TLS_CERT'] === undefined) !== (env['GRPC_TLS_KEY'] === undefined)) {
    problems.push('GRPC_TLS_CERT and GRPC_TLS_KEY go together');
  }
  if (env['GRPC_TLS_CLIENT_CA'] !== undefined && env['GRPC_TLS_CERT'] === undefined) {
    problems.push('GRPC_TLS_CLIENT_CA needs GRPC_TLS_CERT and GRPC_TLS_KEY');
  }
  // What a file should hold counts as set: when the file cannot be read, that is the problem.
  const isSet = (name: string) => env[name] !== undefined || env[`${name}_FILE`] !== undefined;
  const guards = ['ENGINE_API_TOKENS', 'ENGINE_CALLERS_FILE', 'GRPC_TLS_CLIENT_CA'];
  const grpc = variables.GRPC_ADDR.safeParse(env['GRPC_ADDR']);
  if (grpc.success && !isLoopback(grpc.data) && !guards.some(isSet)) {
    problems.push(`GRPC_ADDR is reachable from other machines: set one of ${guards.join(', ')}`);
  }
  if (env['NODE_ENV'] === 'production') {
    for (const name of ['MONGODB_URI', 'SESSION_SIGNING_KEYS']) {
      if (!isSet(name)) problems.push(`${name} is required in production`);
    }
  }
  return problems;
}

type SecretFile = `${(typeof SECRETS)[number]}_FILE`;

/** The validated configuration. Durations are in seconds. */
export interface Config extends Omit<z.output<typeof schema>, 'HTTP_ADDR' | 'MONGODB_DB' | SecretFile> {
  readonly HTTP_ADDR: Address;
  readonly MONGODB_DB: string;
}

/** An invalid configuration. The message lists all problems, one per line, without values: some are secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the configuration from environment variables. An empty variable counts as unset.
 *
 * @throws ConfigError with all problems
 */
export function readConfig(env: Environment, resolved = readSecretFiles(env)): Config {
  const set = resolved.env;
  const result = schema.safeParse(set);
  const faults = (result.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`);
  const database = databaseOf(set);
  const problems = [
    ...faults,
    ...resolved.problems,
    ...findMisspelled(set, Object.keys(variables)),
    ...findConflicts(set),
    ...('problem' in database ? [database.problem] : []),
  ];
  if (!result.success || 'problem' in database || problems.length > 0)
    throw new ConfigError(problems.join('\n'));
  const host = result.data.NODE_ENV === 'production' ? '0.0.0.0' : '127.0.0.1';
  const {
    MONGODB_URI_FILE,
    SESSION_SIGNING_KEYS_FILE,
    IDENTITY_ENCRYPTION_KEYS_FILE,
    ENGINE_API_TOKENS_FILE,
    ...data
  } = result.data;
  return { ...data, HTTP_ADDR: data.HTTP_ADDR ?? { host, port: 8080 }, MONGODB_DB: database.name };
}

/** Lists the variables with their descriptions, for `--help`. */
export function describeVariables(): readonly (readonly [name: string, description: string])[] {
  return Object.entries(variables).map(([name, type]) => [name, type.description ?? ''] as const);
}

/** Where the value of a variable comes from. */
export interface Setting {
  readonly name: string;
  /** The value as it is written in the environment, with secrets masked; absent when there is none. */
  readonly value?: string;
  /** `default`, `environment`, or the variable that it was taken from, such as MONGODB_URI_FILE. */
  readonly source: string;
}

/** Lists the value of each variable and its source, for `check-config`. It accepts invalid values. */
export function describeSettings(
  env: Environment,
  resolved: ResolvedEnvironment = readSecretFiles(env),
): readonly Setting[] {
  const httpDefault = resolved.env['NODE_ENV'] === 'production' ? '0.0.0.0:8080' : '127.0.0.1:8080';
  const database = databaseOf(resolved.env);
  return describeVariables().map(([name, description]) => {
    const value = resolved.env[name];
    if (name === 'MONGODB_DB' && 'name' in database)
      return { name, value: database.name, source: database.source };
    if (value !== undefined) {
      const source = resolved.fromFiles.has(name) ? `${name}_FILE` : 'environment';
      return { name, value: masked(name, value, resolved), source };
    }
    // A description ends with the default in parentheses.
    const [, text] = name === 'HTTP_ADDR' ? ['', httpDefault] : (/\(([^()]*)\)$/.exec(description) ?? []);
    return { name, ...(text !== undefined && { value: text }), source: 'default' };
  });
}

/**
 * Hides the secrets of a value: of `name:secret,…` the names stay, a connection string loses its user and password. A
 * path that could not be read may be a secret in the wrong place.
 */
function masked(name: string, value: string, { fromFiles }: ResolvedEnvironment): string {
  const secret = SECRETS.find((each) => name === each || name === `${each}_FILE`);
  if (secret === undefined || (name !== secret && fromFiles.has(secret))) return value;
  if (name !== secret) return '***';
  if (secret === 'MONGODB_URI') return maskedUri(value);
  return parsePairs(value)
    .map(([item]) => `${item}:***`)
    .join(',');
}

/** Hides all up to the last `@`, because a password may hold others, and the options that are secrets. */
function maskedUri(uri: string): string {
  if (!mongoUri.safeParse(uri).success) return '***';
  return uri
    .replace(/^([^:]*:\/\/).*@/, '$1***@')
    .replace(/\b(\w*password|authMechanismProperties)=[^&]*/gi, '$1=***');
}
