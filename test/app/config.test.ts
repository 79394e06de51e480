import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ConfigError, describeVariables, isLoopback, readConfig } from '../../src/app/config.js';

const test = suite('config');

type Env = Readonly<Record<string, string>>;

const SECRET = Buffer.alloc(32, 7);
const KEYS = `k1:${SECRET.toString('base64')}`;
const PRODUCTION: Env = {
  NODE_ENV: 'production',
  MONGODB_URI: 'mongodb://db.internal/',
  SESSION_SIGNING_KEYS: KEYS,
};

/** Variables that shells, Node, npm, CI, Docker, Kubernetes, proxies and databases set. */
const USUAL = [
  ...[
    'PATH',
    'HOME',
    'PWD',
    'OLDPWD',
    'USER',
    'LOGNAME',
    'SHELL',
    'SHLVL',
    'LANG',
    'LC_ALL',
    'TERM',
    'TZ',
    '_',
  ],
  ...[
    'EDITOR',
    'DISPLAY',
    'TMPDIR',
    'MAIL',
    'HOSTNAME',
    'HOST',
    'PORT',
    'DEBUG',
    'VERSION',
    'ADDR',
    'LOG',
    'TTL',
  ],
  ...[
    'XDG_DATA_DIRS',
    'XDG_DATA_HOME',
    'XDG_SESSION_ID',
    'XDG_SESSION_TYPE',
    'SESSION_MANAGER',
    'SESSION_SECRET',
  ],
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_VERSION', 'NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED'],
  ...['NODENV_ROOT', 'NODENV_VERSION', 'NODENV_DIR', 'NVM_DIR', 'YARN_VERSION', 'npm_config_loglevel'],
  ...['npm_package_version', 'npm_lifecycle_event', 'npm_node_execpath', 'INIT_CWD', 'UV_THREADPOOL_SIZE'],
  ...['CI', 'GITHUB_ACTIONS', 'GITHUB_TOKEN', 'RUNNER_OS', 'GITLAB_CI', 'CI_COMMIT_SHA', 'BUILD_NUMBER'],
  ...[
    'http_proxy',
    'HTTPS_PROXY',
    'NO_PROXY',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'GRPC_VERBOSITY',
    'GRPC_TRACE',
  ],
  ...['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH', 'GRPC_SSL_CIPHER_SUITES', 'GRPC_NODE_VERBOSITY', 'grpc_proxy'],
  ...['KUBERNETES_SERVICE_HOST', 'KUBERNETES_PORT_443_TCP_ADDR', 'POD_NAME', 'MONGODB_SERVICE_HOST'],
  ...['MONGODB_PORT', 'MONGODB_PORT_27017_TCP_ADDR', 'GRPC_PORT_50051_TCP_ADDR', 'HTTP_PORT', 'GRPC_PORT'],
  ...[
    'MONGODB_VERSION',
    'MONGODB_HOST',
    'MONGODB_USER',
    'MONGODB_USERNAME',
    'MONGODB_PASSWORD',
    'MONGODB_CA',
  ],
  ...['MONGO_INITDB_ROOT_USERNAME', 'MONGO_INITDB_DATABASE', 'MONGO_VERSION', 'MONGO_MAJOR', 'MONGO_PACKAGE'],
  ...['DATABASE_URL', 'REDIS_URL', 'PGDATA', 'PGHOST', 'VAULT_ADDR', 'VAULT_TOKEN', 'CONSUL_HTTP_ADDR'],
  ...['AWS_REGION', 'AWS_SESSION_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'GOOGLE_APPLICATION_CREDENTIALS'],
  ...['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_LOG_LEVEL', 'SENTRY_DSN', 'WEB_CONCURRENCY', 'WEB_MEMORY', 'DYNO'],
  ...[
    'LISTEN_FDS',
    'NOTIFY_SOCKET',
    'INVOCATION_ID',
    'JOURNAL_STREAM',
    'CREDENTIALS_DIRECTORY',
    'STATE_DIRECTORY',
  ],
  ...['CHATSESSIONS_ADDR', 'CHATSESSIONS_TOKEN', 'CHATSESSIONS_TOKEN_FILE', 'CHATSESSIONS_TLS_CERT'],
];

/** The lines of the refusal; none when the configuration is accepted. */
function problems(env: Env): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    assert.instance(error, ConfigError);
    return error instanceof Error ? error.message.split('\n') : [];
  }
}

const names = (env: Env): string[] => problems(env).map((line) => line.split(' ')[0] ?? '');

const value = (name: string, text: string): unknown => Reflect.get(readConfig({ [name]: text }), name);

test('with nothing set it runs on this machine alone', () => {
  assert.equal(readConfig({}), {
    HTTP_ADDR: { host: '127.0.0.1', port: 8080 },
    GRPC_ADDR: { host: '127.0.0.1', port: 50_051 },
    WORKERS: 1,
    MONGODB_DB: 'chatsessions',
    DATA_DIR: './data',
    SESSION_TTL: 3_600,
    RESUME_WINDOW: 86_400,
    SESSION_MAX_AGE: 604_800,
    RETENTION: 7_776_000,
    LOG_LEVEL: 'info',
    NODE_ENV: 'development',
  });
});

test('variables of other programs are ignored', () => {
  const usual = Object.fromEntries(USUAL.map((name) => [name, 'x']));
  assert.equal(readConfig(usual), readConfig({}));
});

const FILE_SECRETS: Env = {
  MONGODB_URI: 'mongodb://me:secret@db.internal/',
  SESSION_SIGNING_KEYS: KEYS,
  IDENTITY_ENCRYPTION_KEYS: KEYS,
  ENGINE_API_TOKENS: 'agent:0123456789abcdef',
};
for (const [name, secret] of Object.entries(FILE_SECRETS)) {
  test(`${name}_FILE: the value without a newline at its end`, async () => {
    const file = join(await tempDir(), 'secret');
    for (const end of ['', '\n', '\r\n']) {
      await writeFile(file, secret + end);
      assert.equal(readConfig({ [`${name}_FILE`]: file }), readConfig({ [name]: secret }));
    }
  });

  test(`${name}_FILE: faults, without path and content`, async () => {
    const folder = await tempDir();
    const file = join(folder, 'secret-file');
    const key = `${name}_FILE`;
    assert.equal(problems({ [key]: file }), [`${key} cannot be read: ENOENT`]);
    assert.equal(problems({ [key]: folder }), [`${key} cannot be read: EISDIR`]);
    assert.equal(problems({ [key]: file, [name]: secret }), [
      `${name} and ${key} are both set: drop one of them`,
    ]);
    assert.equal(problems({ [key]: '', [name]: secret }), []);
    await writeFile(file, '\n');
    assert.equal(problems({ [key]: file }), [`${key} names an empty file`]);
    await writeFile(file, 'x'.repeat(65_537));
    assert.equal(problems({ [key]: file }), [`${key} names a file that is too large`]);
    await writeFile(file, 'not-a-good-one');
    assert.match(problems({ [key]: file }).join(), new RegExp(`^${name} must `));
    assert.not.match(problems({ [key]: file }).join(), 'not-a-good-one');
  });
}

test('a secret that cannot be read is not also missing, and guards gRPC when it can', async () => {
  const file = join(await tempDir(), 'tokens');
  const env = { NODE_ENV: 'production', GRPC_ADDR: '0.0.0.0:1', SESSION_SIGNING_KEYS: KEYS };
  const files = { MONGODB_URI_FILE: file, ENGINE_API_TOKENS_FILE: file };
  assert.equal(names({ ...env, ...files }), ['MONGODB_URI_FILE', 'ENGINE_API_TOKENS_FILE']);
  await writeFile(file, 'agent:0123456789abcdef');
  assert.equal(names({ ...env, ...files }), ['MONGODB_URI']);
  assert.equal(names({ ...env, ...files, MONGODB_URI_FILE: '', MONGODB_URI: 'mongodb://h/' }), []);
});

const DATABASES: readonly (readonly [uri: string, database: string])[] = [
  ['mongodb://h', 'chatsessions'],
  ['mongodb://h/', 'chatsessions'],
  ['mongodb://h/?replicaSet=rs', 'chatsessions'],
  ['mongodb://h?replicaSet=a/b', 'chatsessions'],
  ['mongodb://u:p%2Fw@a:1,b:2/shop?replicaSet=rs', 'shop'],
  ['mongodb+srv://u:p@cluster.example/shop_2', 'shop_2'],
];
for (const [uri, database] of DATABASES) {
  test(`the database of ${uri}: ${database}`, () => {
    assert.is(readConfig({ MONGODB_URI: uri }).MONGODB_DB, database);
    assert.is(readConfig({ MONGODB_URI: uri, MONGODB_DB: 'other' }).MONGODB_DB, 'other');
  });
}

for (const path of ['admin', 'a.b', 'd'.repeat(39), '%61', 'a/b', 'x@db.internal/']) {
  test(`refuses the database ${path} in the path of MONGODB_URI`, () => {
    const uri = `mongodb://me:secret@h/${path}`;
    const [line, ...others] = problems({ MONGODB_URI: uri });
    assert.match(line ?? '', /^MONGODB_URI (names|has) /);
    assert.equal(others, []);
    if (path !== 'admin') assert.not.ok(line?.includes(`path ${path}`));
    assert.is(readConfig({ MONGODB_URI: uri, MONGODB_DB: 'shop' }).MONGODB_DB, 'shop');
  });
}

const MISSPELLED: readonly (readonly [name: string, right: string])[] = [
  ['MONGO_URI', 'MONGODB_URI'],
  ['MONGO_URL', 'MONGODB_URI'],
  ['MONGODB_URL', 'MONGODB_URI'],
  ['MONGO_DB_URI', 'MONGODB_URI'],
  ['mongodb_uri', 'MONGODB_URI'],
  ['MONGODB_DATABASE', 'MONGODB_DB'],
  ['NODE_EVN', 'NODE_ENV'],
  ['NODEENV', 'NODE_ENV'],
  ['HTTP_ADDRESS', 'HTTP_ADDR'],
  ['GRPC-ADDR', 'GRPC_ADDR'],
  ['WORKER', 'WORKERS'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['SESSION_SIGNING_KEY', 'SESSION_SIGNING_KEYS'],
  ['SESION_SIGNING_KEY', 'SESSION_SIGNING_KEYS'],
  ['ENGINE_API_TOKEN', 'ENGINE_API_TOKENS'],
  ['GRPC_TLS_CERTS', 'GRPC_TLS_CERT'],
];
for (const [name, right] of MISSPELLED) {
  test(`refuses ${name}: did you mean ${right}?`, () => {
    const line = `${name} is not a variable of this service; did you mean ${right}?`;
    assert.ok(problems({ [name]: 'some-secret' }).includes(line));
  });
}

test('a near miss passes beside the right name, and when it is empty', () => {
  const env = { MONGODB_URI: 'mongodb://db.internal/' };
  assert.equal(readConfig({ ...env, MONGO_URI: 'x', NODE_EVN: '' }), readConfig(env));
});

const MODES: readonly (readonly [text: string, hint: string])[] = [
  ['prod', '; did you mean production?'],
  ['PRODUCTION', '; did you mean production?'],
  ['prodcution', '; did you mean production?'],
  ['dev', '; did you mean development?'],
  ['tests', '; did you mean test?'],
  ['staging', ''],
  [' ', ''],
];
for (const [text, hint] of MODES) {
  test(`refuses NODE_ENV=${text}`, () => {
    assert.equal(problems({ NODE_ENV: text }), [`NODE_ENV must be development, test or production${hint}`]);
  });
}

test('an empty variable is an unset one', () => {
  const empty = Object.fromEntries(describeVariables().map(([name]) => [name, '']));
  assert.equal(readConfig(empty), readConfig({}));
  assert.equal(names({ ...PRODUCTION, MONGODB_URI: '' }), ['MONGODB_URI']);
});

const HTTP_DEFAULTS: readonly (readonly [name: string, env: Env, host: string])[] = [
  ['nothing said', {}, '127.0.0.1'],
  ['development', { NODE_ENV: 'development' }, '127.0.0.1'],
  ['production', PRODUCTION, '0.0.0.0'],
];
for (const [name, env, host] of HTTP_DEFAULTS) {
  test(`HTTP_ADDR by default: ${name}`, () => {
    assert.equal(readConfig(env).HTTP_ADDR, { host, port: 8080 });
  });
}

test('HTTP_ADDR as set, in production too', () => {
  const { HTTP_ADDR } = readConfig({ ...PRODUCTION, HTTP_ADDR: '127.0.0.1:9000' });
  assert.equal(HTTP_ADDR, { host: '127.0.0.1', port: 9000 });
});

const GOOD: readonly (readonly [name: string, text: string, value: unknown])[] = [
  ['HTTP_ADDR', '127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ['HTTP_ADDR', '0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
  ['HTTP_ADDR', 'chat.internal:65535', { host: 'chat.internal', port: 65_535 }],
  ['HTTP_ADDR', '[::]:80', { host: '::', port: 80 }],
  ['HTTP_ADDR', '[2001:db8::1]:80', { host: '2001:db8::1', port: 80 }],
  ['HTTP_ADDR', '[::ffff:127.0.0.1]:80', { host: '::ffff:127.0.0.1', port: 80 }],
  ['GRPC_ADDR', '[::1]:50051', { host: '::1', port: 50_051 }],
  ['GRPC_ADDR', 'localhost:50051', { host: 'localhost', port: 50_051 }],
  ['WORKERS', '1', 1],
  ['WORKERS', '64', 64],
  [
    'MONGODB_URI',
    'mongodb://u:p@a:27017,b:27017/?replicaSet=rs',
    'mongodb://u:p@a:27017,b:27017/?replicaSet=rs',
  ],
  ['MONGODB_URI', 'mongodb+srv://cluster.example/', 'mongodb+srv://cluster.example/'],
  ['MONGODB_DB', 'chat_sessions-2', 'chat_sessions-2'],
  ['MONGODB_DB', 'd'.repeat(38), 'd'.repeat(38)],
  ['DATA_DIR', '/var/lib/chat sessions', '/var/lib/chat sessions'],
  ['SEED_FILE', 'tenants.yaml', 'tenants.yaml'],
  ['SESSION_SIGNING_KEYS', KEYS, [{ kid: 'k1', secret: SECRET }]],
  [
    'SESSION_SIGNING_KEYS',
    `new:${SECRET.toString('base64')}, old:${SECRET.toString('base64url')}`,
    [
      { kid: 'new', secret: SECRET },
      { kid: 'old', secret: SECRET },
    ],
  ],
  ['IDENTITY_ENCRYPTION_KEYS', KEYS, [{ kid: 'k1', secret: SECRET }]],
  ['SESSION_TTL', '1m', 60],
  ['SESSION_TTL', '60s', 60],
  ['SESSION_TTL', '90s', 90],
  ['SESSION_TTL', '24h', 86_400],
  ['SESSION_TTL', '1d', 86_400],
  ['RESUME_WINDOW', '0s', 0],
  ['RESUME_WINDOW', '7d', 604_800],
  ['SESSION_MAX_AGE', '1m', 60],
  ['SESSION_MAX_AGE', '365d', 31_536_000],
  ['RETENTION', '1d', 86_400],
  ['RETENTION', '3650d', 315_360_000],
  ['ENGINE_API_TOKENS', 'agent:0123456789abcdef', [{ name: 'agent', token: '0123456789abcdef' }]],
  [
    'ENGINE_API_TOKENS',
    // While a token is being replaced its service has two; a token may hold colons.
    'agent:0123456789abcdef, agent:a:b:c:0123456789',
    [
      { name: 'agent', token: '0123456789abcdef' },
      { name: 'agent', token: 'a:b:c:0123456789' },
    ],
  ],
  ['ENGINE_CALLERS_FILE', 'callers.yaml', 'callers.yaml'],
  ['LOG_LEVEL', 'silent', 'silent'],
  ['NODE_ENV', 'test', 'test'],
];
for (const [name, text, expected] of GOOD) {
  test(`accepts ${name}=${text}`, () => assert.equal(value(name, text), expected));
}

const tooShort = Buffer.alloc(31, 7).toString('base64');
const BAD: readonly (readonly [name: string, text: string])[] = [
  ['HTTP_ADDR', '8080'],
  ['HTTP_ADDR', ':8080'],
  ['HTTP_ADDR', '127.0.0.1'],
  ['HTTP_ADDR', '127.0.0.1:'],
  ['HTTP_ADDR', '127.0.0.1:65536'],
  ['HTTP_ADDR', '127.0.0.1:-1'],
  ['HTTP_ADDR', '127.0.0.1:http'],
  ['HTTP_ADDR', 'http://127.0.0.1:8080'],
  ['HTTP_ADDR', '::1:8080'],
  ['HTTP_ADDR', '[::1]'],
  ['HTTP_ADDR', '[]:8080'],
  ['HTTP_ADDR', '[localhost]:8080'],
  ['HTTP_ADDR', ' 192.0.2.17:8080'],
  ['HTTP_ADDR', '192.0.2.17:8080\n'],
  ['GRPC_ADDR', 'localhost'],
  ['WORKERS', '0'],
  ['WORKERS', '65'],
  ['WORKERS', '-2'],
  ['WORKERS', '1.5'],
  ['WORKERS', '1e1'],
  ['WORKERS', ' 2'],
  ['WORKERS', 'auto'],
  ['MONGODB_URI', 'db.internal:27017'],
  ['MONGODB_URI', 'postgres://db.internal/'],
  ['MONGODB_URI', ' mongodb://db.internal/'],
  ['MONGODB_DB', 'a b'],
  ['MONGODB_DB', 'a.b'],
  ['MONGODB_DB', 'd'.repeat(39)],
  ['SESSION_SIGNING_KEYS', SECRET.toString('base64')],
  ['SESSION_SIGNING_KEYS', `:${SECRET.toString('base64')}`],
  ['SESSION_SIGNING_KEYS', 'k1:'],
  ['SESSION_SIGNING_KEYS', `k1:${tooShort}`],
  ['SESSION_SIGNING_KEYS', `k.1:${SECRET.toString('base64')}`],
  ['SESSION_SIGNING_KEYS', `${'k'.repeat(33)}:${SECRET.toString('base64')}`],
  ['SESSION_SIGNING_KEYS', `${KEYS},`],
  ['SESSION_SIGNING_KEYS', 'k1:wrong!letters!in!each!!of!these!short!words!here'],
  ['SESSION_SIGNING_KEYS', `${KEYS},${KEYS}`],
  ['SESSION_SIGNING_KEYS', `${KEYS},k2:${tooShort}`],
  ['IDENTITY_ENCRYPTION_KEYS', `k1:${tooShort}`],
  ['IDENTITY_ENCRYPTION_KEYS', `k1:${Buffer.alloc(33, 7).toString('base64')}`],
  ['IDENTITY_ENCRYPTION_KEYS', `${KEYS},${KEYS}`],
  ['SESSION_TTL', '59s'],
  ['SESSION_TTL', '25h'],
  ['SESSION_TTL', '3600'],
  ['SESSION_TTL', '1.5h'],
  ['SESSION_TTL', '-1h'],
  ['SESSION_TTL', '1 h'],
  ['SESSION_TTL', '1w'],
  ['SESSION_TTL', '1H'],
  ['RESUME_WINDOW', '8d'],
  ['SESSION_MAX_AGE', '59s'],
  ['SESSION_MAX_AGE', '366d'],
  ['RETENTION', '23h'],
  ['RETENTION', '3651d'],
  ['ENGINE_API_TOKENS', '0123456789abcdef'],
  ['ENGINE_API_TOKENS', ':0123456789abcdef'],
  ['ENGINE_API_TOKENS', 'agent:0123456789abcde'],
  ['ENGINE_API_TOKENS', 'agent:01234567 89abcdef'],
  ['ENGINE_API_TOKENS', 'ag ent:0123456789abcdef'],
  ['ENGINE_API_TOKENS', 'agent:0123456789abcdef,'],
  ['ENGINE_API_TOKENS', 'agent:0123456789abcdef,other:0123456789abcdef'],
  ['ENGINE_API_TOKENS', 'agent:0123456789abcdéf'],
  ['ENGINE_API_TOKENS', `agent:${'a'.repeat(4097)}`],
  ['LOG_LEVEL', 'verbose'],
  ['LOG_LEVEL', 'INFO'],
];
for (const [name, text] of BAD) {
  test(`refuses ${name}=${JSON.stringify(text)}, without quoting it`, () => {
    const [line, ...others] = problems({ [name]: text });
    assert.equal(others, []);
    assert.ok(line?.startsWith(`${name} `), line);
    // A value as short as a common word says nothing; what could be a secret is longer.
    if (text.length > 12) assert.not.ok(line?.includes(text.trim()), line);
    for (const part of text.split(/[:,]/)) if (part.length > 20) assert.not.ok(line?.includes(part), line);
  });
}

test('no value is ever in the message', () => {
  const readable = describeVariables().map(([name]) => name);
  const env = fc.dictionary(
    fc.constantFrom(...readable),
    fc.string({ minLength: 6 }).map((text) => `§${text}§`),
    { minKeys: 1 },
  );
  fc.assert(
    fc.property(env, (set) => {
      const message = problems(set).join('\n');
      assert.not.match(message, '§');
    }),
  );
});

const TLS: Env = { GRPC_TLS_CERT: 'cert.pem', GRPC_TLS_KEY: 'key.pem' };
const TOKENS: Env = { ENGINE_API_TOKENS: 'agent:0123456789abcdef' };
const CALLERS: Env = { ENGINE_CALLERS_FILE: 'callers.yaml' };
const OPEN: Env = { GRPC_ADDR: '0.0.0.0:50051' };

const TOGETHER: readonly (readonly [name: string, env: Env, refused: readonly string[]])[] = [
  ['certificate and key', TLS, []],
  ['certificate without key', { GRPC_TLS_CERT: 'cert.pem' }, ['GRPC_TLS_CERT']],
  ['key without certificate', { GRPC_TLS_KEY: 'key.pem' }, ['GRPC_TLS_CERT']],
  ['client CA with certificate', { ...TLS, GRPC_TLS_CLIENT_CA: 'ca.pem' }, []],
  ['client CA without certificate', { GRPC_TLS_CLIENT_CA: 'ca.pem' }, ['GRPC_TLS_CLIENT_CA']],
  ['gRPC on loopback, open', { GRPC_ADDR: '127.8.8.8:50051' }, []],
  ['gRPC on IPv6 loopback, open', { GRPC_ADDR: '[::1]:50051' }, []],
  ['gRPC on all addresses, open', OPEN, ['GRPC_ADDR']],
  ['gRPC on all IPv6 addresses, open', { GRPC_ADDR: '[::]:50051' }, ['GRPC_ADDR']],
  ['gRPC on a name, open', { GRPC_ADDR: 'localhost.example:50051' }, ['GRPC_ADDR']],
  ['gRPC on all addresses, a certificate only', { ...OPEN, ...TLS }, ['GRPC_ADDR']],
  ['gRPC on all addresses, with tokens', { ...OPEN, ...TOKENS }, []],
  ['gRPC on all addresses, with a callers file', { ...OPEN, ...CALLERS }, []],
  [
    'gRPC on all addresses, with a callers file that is not named',
    { ...OPEN, ENGINE_CALLERS_FILE: '' },
    ['GRPC_ADDR'],
  ],
  ['gRPC on all addresses, with a client CA', { ...OPEN, ...TLS, GRPC_TLS_CLIENT_CA: 'ca.pem' }, []],
  [
    'gRPC on all addresses, a client CA that cannot be used',
    { ...OPEN, GRPC_TLS_CLIENT_CA: 'ca.pem' },
    ['GRPC_TLS_CLIENT_CA'],
  ],
  ['production, complete', PRODUCTION, []],
  ['production, nothing else', { NODE_ENV: 'production' }, ['MONGODB_URI', 'SESSION_SIGNING_KEYS']],
  ['production, gRPC open', { ...PRODUCTION, ...OPEN }, ['GRPC_ADDR']],
  ['production, gRPC with tokens', { ...PRODUCTION, ...OPEN, ...TOKENS }, []],
];
for (const [name, env, refused] of TOGETHER) {
  test(`together: ${name}`, () => assert.equal(names(env), refused));
}

const ALL_AT_ONCE: readonly (readonly [name: string, env: Env, refused: readonly string[]])[] = [
  [
    'several bad values',
    { HTTP_ADDR: 'x', SESSION_TTL: 'x', LOG_LEVEL: 'x' },
    ['HTTP_ADDR', 'LOG_LEVEL', 'SESSION_TTL'],
  ],
  [
    'several that do not go together',
    { NODE_ENV: 'production', ...OPEN, GRPC_TLS_KEY: 'key.pem' },
    ['GRPC_ADDR', 'GRPC_TLS_CERT', 'MONGODB_URI', 'SESSION_SIGNING_KEYS'],
  ],
  [
    'a bad value, and others that are missing',
    { NODE_ENV: 'production', LOG_LEVEL: 'x' },
    ['LOG_LEVEL', 'MONGODB_URI', 'SESSION_SIGNING_KEYS'],
  ],
  [
    'a bad value is not a missing one',
    { NODE_ENV: 'production', MONGODB_URI: 'x', SESSION_SIGNING_KEYS: 'x', ...OPEN, ENGINE_API_TOKENS: 'x' },
    ['ENGINE_API_TOKENS', 'MONGODB_URI', 'SESSION_SIGNING_KEYS'],
  ],
];
for (const [name, env, refused] of ALL_AT_ONCE) {
  test(`all problems at once: ${name}`, () => assert.equal(names(env).sort(), refused));
}

const HOSTS: readonly (readonly [host: string, loopback: boolean])[] = [
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['1127.0.0.1', false],
  ['127.0.0.1.example', false],
  ['localhost.example', false],
];
for (const [host, loopback] of HOSTS) {
  test(`${host} is ${loopback ? '' : 'not '}loopback`, () =>
    assert.is(isLoopback({ host, port: 1 }), loopback));
}

test('every variable has a description', () => {
  for (const [name, description] of describeVariables()) assert.ok(description.length > 10, name);
});
