import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A good token, what it is made of, and what else is in its world. */
export interface Genuine {
  readonly token: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The secret that it is signed with. */
  readonly secret: Buffer;
  /** Another good token of the same session: other claims, the same key. */
  readonly sibling: string;
  /** The other key of the keyring. */
  readonly other: { readonly kid: string; readonly secret: Buffer };
}

/** A token that must be refused. Beside what its name says it is as good as the genuine one. */
export interface Forgery {
  readonly name: string;
  readonly forge: (genuine: Genuine) => string;
}

type Json = Readonly<Record<string, unknown>>;
type Row = readonly [name: string, forge: Forgery['forge']];

const base64url = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64url');
const hmac = (hash: string, secret: Uint8Array | string, text: string): Buffer =>
  createHmac(hash, secret).update(text).digest();

/** A compact JWS of these very texts. `how` is what computes its signature. */
export function jws(
  header: string | Uint8Array,
  payload: string | Uint8Array,
  how: Uint8Array | ((text: string) => string | Uint8Array),
): string {
  const signed = `${base64url(header)}.${base64url(payload)}`;
  return `${signed}.${base64url(typeof how === 'function' ? how(signed) : hmac('sha256', how, signed))}`;
}

const partsOf = ({ token }: Genuine): [string, string, string] => {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return [header, payload, signature];
};

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' });

/** Signed with the right secret, but for its header. */
const withHeader = (name: string, change: Json | ((genuine: Genuine) => Json)): Row => [
  name,
  (genuine) => {
    const header = { ...genuine.header, ...(typeof change === 'function' ? change(genuine) : change) };
    return jws(JSON.stringify(header), JSON.stringify(genuine.claims), genuine.secret);
  },
];

/** Signed with the right secret under the right header, but for a claim; undefined leaves it out. */
const withClaims = (name: string, change: Json | ((claims: Json) => Json)): Row => [
  name,
  ({ header, claims, secret }) => {
    const changed = { ...claims, ...(typeof change === 'function' ? change(claims) : change) };
    return jws(JSON.stringify(header), JSON.stringify(changed), secret);
  },
];

/** Signed with the right secret under the right header, but another payload than the claims' compact JSON. */
const withPayload = (name: string, payload: (json: string, genuine: Genuine) => string | Uint8Array): Row => [
  name,
  (genuine) => {
    const json = JSON.stringify(genuine.claims);
    return jws(JSON.stringify(genuine.header), payload(json, genuine), genuine.secret);
  },
];

/** The same as {@link withPayload}, given as the text of the token's second part. */
const withSecondPart = (name: string, part: (payload: string) => string): Row => [
  name,
  (genuine) => {
    const [header, payload] = partsOf(genuine);
    const signed = `${header}.${part(payload)}`;
    return `${signed}.${base64url(hmac('sha256', genuine.secret, signed))}`;
  },
];

/** The same for its first part. */
const withFirstPart = (name: string, part: (header: string) => string): Row => [
  name,
  (genuine) => {
    const [header, payload] = partsOf(genuine);
    const signed = `${part(header)}.${payload}`;
    return `${signed}.${base64url(hmac('sha256', genuine.secret, signed))}`;
  },
];

/** The genuine token with another signature. */
const withSignature = (name: string, change: (signature: string, genuine: Genuine) => string): Row => [
  name,
  (genuine) => {
    const [header, payload, signature] = partsOf(genuine);
    return `${header}.${payload}.${change(signature, genuine)}`;
  },
];

/** The genuine token's text, changed. */
const withText = (name: string, change: (token: string, genuine: Genuine) => string): Row => [
  name,
  (genuine) => change(genuine.token, genuine),
];

const number = (claims: Json, name: string): number => Number(claims[name]);
const signatureBits = (signature: string): string => {
  // The last of 43 characters has two bits more than 32 bytes need.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return signature.slice(0, -1) + alphabet[alphabet.indexOf(signature.at(-1) ?? '') ^ 1];
};

const HEADERS: readonly Row[] = [
  withHeader('kid: unknown', { kid: 'nobody' }),
  withHeader('kid: none', { kid: undefined }),
  withHeader('kid: empty', { kid: '' }),
  withHeader('kid: null', { kid: null }),
  withHeader('kid: a list with the right one', ({ header }) => ({ kid: [header['kid']] })),
  withHeader('kid: the right one in capitals', ({ header }) => ({
    kid: String(header['kid']).toUpperCase(),
  })),
  withHeader('kid: the right one and a NUL', ({ header }) => ({ kid: `${header['kid']}\0` })),
  withHeader('kid: the keyring’s other key', ({ other }) => ({ kid: other.kid })),
  withHeader('kid: __proto__', { kid: '__proto__' }),
  withHeader('kid: constructor', { kid: 'constructor' }),
  ...['../../../../dev/null', '/dev/null', '..%2f..%2fdev%2fnull', 'file:///dev/null'].map(
    (kid): Row => [
      `kid: a path, signed with what is there: ${kid}`,
      ({ header, claims }) =>
        jws(JSON.stringify({ ...header, kid }), JSON.stringify(claims), Buffer.alloc(0)),
    ],
  ),
  ...['none', 'None', 'NONE', 'nOnE'].flatMap((alg): Row[] => [
    [
      `alg: ${alg}, unsecured`,
      ({ header, claims }) => jws(JSON.stringify({ ...header, alg }), JSON.stringify(claims), () => ''),
    ],
    withHeader(`alg: ${alg}, signed all the same`, { alg }),
  ]),
  ...(['HS384', 'HS512'] as const).map(
    (alg): Row => [
      `alg: ${alg} with the right secret`,
      ({ header, claims, secret }) =>
        jws(JSON.stringify({ ...header, alg }), JSON.stringify(claims), (text) =>
          hmac(alg.replace('HS', 'sha'), secret, text),
        ),
    ],
  ),
  withHeader('alg: RS256 with the secret as key', { alg: 'RS256' }),
  withHeader('alg: hs256', { alg: 'hs256' }),
  withHeader('alg: missing', { alg: undefined }),
  withHeader('alg: a list', { alg: ['HS256'] }),
  [
    'alg: RS256 with a key of its own, in jwk',
    ({ header, claims }) => {
      const named = { ...header, alg: 'RS256', jwk: jwkOf(rsa.publicKey) };
      return jws(JSON.stringify(named), JSON.stringify(claims), (text) =>
        sign('sha256', Buffer.from(text), rsa.privateKey),
      );
    },
  ],
  [
    'alg: ES256 with a key of its own, in jwk',
    ({ header, claims }) => {
      const named = { ...header, alg: 'ES256', jwk: jwkOf(ec.publicKey) };
      return jws(JSON.stringify(named), JSON.stringify(claims), (text) =>
        sign('sha256', Buffer.from(text), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
      );
    },
  ],
  [
    'alg: ES256 with the signature of zeros (CVE-2022-21449)',
    ({ header, claims }) =>
      jws(JSON.stringify({ ...header, alg: 'ES256' }), JSON.stringify(claims), () => Buffer.alloc(64)),
  ],
  [
    'the genuine header over an RSA signature',
    ({ header, claims }) =>
      jws(JSON.stringify(header), JSON.stringify(claims), (text) =>
        sign('sha256', Buffer.from(text), rsa.privateKey),
      ),
  ],
  withHeader('typ: missing', { typ: undefined }),
  withHeader('typ: JWT, of another service with the same secret', { typ: 'JWT' }),
  withHeader('typ: at+jwt', { typ: 'at+jwt' }),
  withHeader('typ: in capitals', { typ: 'CHAT-SESSION+JWT' }),
  withHeader('typ: one capital', { typ: 'chat-session+JWT' }),
  withHeader('typ: with application/', { typ: 'application/chat-session+jwt' }),
  withHeader('typ: a space behind', { typ: 'chat-session+jwt ' }),
  withHeader('cty: JWT', { cty: 'JWT' }),
  withHeader('crit: b64 false (RFC 7797)', { b64: false, crit: ['b64'] }),
  withHeader('crit: empty', { crit: [] }),
  withHeader('jku: a key set elsewhere', { jku: 'https://attacker.example/keys' }),
  withHeader('x5u: a certificate elsewhere', { x5u: 'https://attacker.example/cert' }),
  withHeader('zip: DEF', { zip: 'DEF' }),
  withHeader('100 KB of header', { junk: 'x'.repeat(100_000) }),
  [
    'members of the header in another order',
    ({ header, claims, secret }) =>
      jws(
        JSON.stringify(Object.fromEntries(Object.entries(header).reverse())),
        JSON.stringify(claims),
        secret,
      ),
  ],
  ...(
    [
      ['header: white space', (json) => json.replaceAll(',', ', ')],
      ['header: alg twice, the last one right', (json) => json.replace('{', '{"alg":"none",')],
      ['header: alg twice, the first one right', (json) => json.replace('}', ',"alg":"none"}')],
      ['header: trailing data', (json) => `${json}x`],
      ['header: a byte order mark', (json) => `\ufeff${json}`],
      ['header: null', () => 'null'],
      ['header: a list', (json) => `[${json}]`],
      ['header: a string', (json) => JSON.stringify(json)],
      ['header: {}', () => '{}'],
      ['header: empty', () => ''],
    ] satisfies readonly (readonly [string, (json: string) => string])[]
  ).map(
    ([name, change]): Row => [
      name,
      ({ header, claims, secret }) => jws(change(JSON.stringify(header)), JSON.stringify(claims), secret),
    ],
  ),
  withFirstPart('header: padded', (header) => `${header}=`),
  withFirstPart('header: a line break inside', (header) => `${header.slice(0, 8)}\n${header.slice(8)}`),
];

const CLAIMS: readonly Row[] = [
  withClaims('iss: missing', { iss: undefined }),
  withClaims('iss: another', { iss: 'another-service' }),
  withClaims('iss: a list', { iss: ['chatsessions'] }),
  withClaims('iss: in capitals', { iss: 'ChatSessions' }),
  withClaims('aud: missing', { aud: undefined }),
  withClaims('aud: another', { aud: 'another-service' }),
  withClaims('aud: a list with the right one', { aud: ['chatsessions', 'another-service'] }),
  withClaims('aud: a list of the right one', { aud: ['chatsessions'] }),
  withClaims('sub: missing', { sub: undefined }),
  withClaims('sub: not a UUID', { sub: 'conversation' }),
  withClaims('sub: a UUID in capitals', { sub: '0193AA00-0000-7000-8000-00000000000A' }),
  withClaims('sub: a UUID and more', ({ sub }) => ({ sub: `${sub}\n` })),
  withClaims('sub: a list', ({ sub }) => ({ sub: [sub] })),
  withClaims('sub: an operator', { sub: { $ne: null } }),
  withClaims('tid: missing', { tid: undefined }),
  withClaims('tid: a slug', { tid: 'acme' }),
  withClaims('key: missing', { key: undefined }),
  withClaims('key: the public key', { key: 'pk_live_00000000000000000000000000000001' }),
  withClaims('jti: missing', { jti: undefined }),
  withClaims('jti: a number', { jti: 1 }),
  withClaims('jti: empty', { jti: '' }),
  withClaims('jti: text that needs escapes', { jti: '","admin":"' }),
  withClaims('iat: missing', { iat: undefined }),
  withClaims('iat: a string', ({ iat }) => ({ iat: String(iat) })),
  withClaims('iat: null', { iat: null }),
  withClaims('iat: a fraction', (claims) => ({ iat: number(claims, 'iat') + 0.5 })),
  withClaims('iat: far ahead', (claims) => ({
    iat: number(claims, 'iat') + 7_200,
    exp: number(claims, 'iat') + 10_800,
  })),
  withClaims('iat and exp in milliseconds', (claims) => ({
    iat: number(claims, 'iat') * 1000,
    exp: number(claims, 'exp') * 1000,
  })),
  withClaims('iat: behind exp', (claims) => ({ iat: number(claims, 'exp') + 1 })),
  withClaims('iat: negative', { iat: -1 }),
  withClaims('iat and exp: negative', { iat: -7_200, exp: -3_600 }),
  withClaims('iat: -1, exp: 10', { iat: -1, exp: 10 }),
  withClaims('exp: missing', { exp: undefined }),
  withClaims('exp: a string', ({ exp }) => ({ exp: String(exp) })),
  withClaims('exp: in milliseconds', (claims) => ({ exp: number(claims, 'exp') * 1000 })),
  withClaims('exp: a fraction', (claims) => ({ exp: number(claims, 'exp') + 0.5 })),
  withClaims('exp: null', { exp: null }),
  withClaims('exp: true', { exp: true }),
  withClaims('exp: a list', ({ exp }) => ({ exp: [exp] })),
  withClaims('exp: a date', { exp: '2099-01-01T00:00:00Z' }),
  withClaims('exp: iat', ({ iat }) => ({ exp: iat })),
  withClaims('exp: before iat', (claims) => ({ exp: number(claims, 'iat') - 1 })),
  withClaims('exp: more than 24 h after iat', (claims) => ({ exp: number(claims, 'iat') + 86_401 })),
  withClaims('exp: the largest whole number', { exp: Number.MAX_SAFE_INTEGER }),
  withPayload('exp: 1e400', (json) => json.replace(/"exp":\d+/, '"exp":1e400')),
  withPayload('exp: -0', (json) => json.replace(/"iat":\d+,"exp":\d+/, '"iat":-1,"exp":-0')),
  withPayload('exp: with an exponent', (json) => json.replace(/"exp":(\d+)/, '"exp":$1e0')),
  withPayload('exp: with .0', (json) => json.replace(/"exp":(\d+)/, '"exp":$1.0')),
  withPayload('exp twice, the last one right', (json) => json.replace('{', '{"exp":1,')),
  withPayload('exp twice, the first one expired', (json) => json.replace(/"exp":\d+/, '"exp":1,$&')),
  withPayload('sub twice, the same', (json) => json.replace(/"sub":"[^"]+"/, '$&,$&')),
  withClaims('a claim more: admin', { admin: true }),
  withClaims('a claim more: nbf, ahead', (claims) => ({ nbf: number(claims, 'iat') + 3_000 })),
  withPayload('claims in another order', (_, { claims }) =>
    JSON.stringify(Object.fromEntries(Object.entries(claims).reverse())),
  ),
  withPayload('claims behind __proto__', (json) => `{"__proto__":${json}}`),
  withPayload('claims in a list', (json) => `[${json}]`),
  withPayload('a list with the claims as members', (_, { claims }) => JSON.stringify(Object.entries(claims))),
  withPayload('claims as a string', (json) => JSON.stringify(json)),
  withPayload('claims: null', () => 'null'),
  withPayload('claims: a number', () => '1'),
  withPayload('claims: {}', () => '{}'),
  withPayload('claims: empty', () => ''),
  withPayload('claims: cut off', (json) => json.slice(0, -1)),
  withPayload('claims: trailing data', (json) => `${json}x`),
  withPayload('claims: twice', (json) => json + json),
  withPayload('claims: white space before', (json) => ` ${json}`),
  withPayload('claims: a line break behind', (json) => `${json}\n`),
  withPayload('claims: pretty', (_, { claims }) => JSON.stringify(claims, null, 1)),
  withPayload('claims: a byte order mark', (json) => `\ufeff${json}`),
  withPayload('claims: a NUL behind', (json) => `${json}\0`),
  withPayload('claims: UTF-16', (json) => Buffer.from(json, 'utf16le')),
  withPayload('claims: not UTF-8', (json) => Buffer.from(json.replace('"jti":"', '$&\xff'), 'latin1')),
  withPayload('claims: not UTF-8, as U+FFFD would be cut', (json) =>
    Buffer.from(json.replace('"jti":"', '$&\xfd'), 'latin1'),
  ),
  withPayload('claims: the name of one escaped', (json) => json.replace('"sub"', '"\\u0073ub"')),
  withPayload('claims: JSON with quotes of JavaScript', (json) => json.replaceAll('"', "'")),
  withPayload('claims: a whole token', (_, { token }) => token),
  withSecondPart('claims: padded', (payload) => `${payload}=`),
  withSecondPart('claims: padded twice', (payload) => `${payload}==`),
  withSecondPart('claims: base64url once more', (payload) => base64url(payload)),
  withSecondPart('claims: a line break inside', (payload) => `${payload.slice(0, 40)}\n${payload.slice(40)}`),
  withSecondPart('claims: characters that base64 ignores', (payload) => `${payload}!!`),
  withSecondPart('claims: a segment more, signed', (payload) => `${payload}.${payload}`),
  withSecondPart('claims: an empty segment more, signed', (payload) => `${payload}.`),
];

const SIGNATURES: readonly Row[] = [
  withSignature('signature: missing', () => ''),
  withSignature('signature: one character less', (signature) => signature.slice(0, -1)),
  withSignature('signature: half of it', (signature) => signature.slice(0, 22)),
  withSignature('signature: one character more', (signature) => `${signature}A`),
  withSignature('signature: padded', (signature) => `${signature}=`),
  withSignature('signature: spare bits set', signatureBits),
  withSignature('signature: another first character', (signature) =>
    signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
  ),
  withSignature('signature: in lower case', (signature) => signature.toLowerCase()),
  withSignature('signature: zeros', () => base64url(Buffer.alloc(32))),
  withSignature('signature: as hex', (signature) => Buffer.from(signature, 'base64url').toString('hex')),
  withSignature('signature: as padded base64', (signature) =>
    Buffer.from(signature, 'base64url').toString('base64'),
  ),
  withSignature('signature: with characters that base64 ignores', (signature) => `${signature}!`),
  withSignature('signature: of the sibling', (_, { sibling }) => sibling.split('.')[2] ?? ''),
  withSignature('signature: with another secret', (_, genuine) => resign(genuine, Buffer.alloc(32, 66))),
  withSignature('signature: with the other key of the keyring', (_, genuine) =>
    resign(genuine, genuine.other.secret),
  ),
  withSignature('signature: with no secret', (_, genuine) => resign(genuine, Buffer.alloc(0))),
  withSignature('signature: with the secret as base64 text', (_, genuine) =>
    resign(genuine, Buffer.from(genuine.secret.toString('base64'))),
  ),
  withSignature('signature: with the kid as secret', (_, genuine) =>
    resign(genuine, Buffer.from(String(genuine.header['kid']))),
  ),
  withSignature('signature: of the claims alone', (_, genuine) =>
    base64url(hmac('sha256', genuine.secret, partsOf(genuine)[1])),
  ),
  withSignature('signature: of header and claims unencoded', ({ length }, { header, claims, secret }) =>
    base64url(hmac('sha256', secret, `${JSON.stringify(header)}.${JSON.stringify(claims)}`)).slice(0, length),
  ),
];

function resign(genuine: Genuine, secret: Uint8Array): string {
  const [header, payload] = partsOf(genuine);
  return base64url(hmac('sha256', secret, `${header}.${payload}`));
}

const swap = (name: string, order: readonly [0 | 1 | 2, 0 | 1 | 2, 0 | 1 | 2]): Row => [
  `parts swapped: ${name}`,
  (genuine) => {
    const parts = partsOf(genuine);
    return order.map((index) => parts[index]).join('.');
  },
];

const TEXTS: readonly Row[] = [
  swap('claims first', [1, 0, 2]),
  swap('signature first', [2, 0, 1]),
  swap('signature in the middle', [0, 2, 1]),
  swap('backwards', [2, 1, 0]),
  [
    'claims of the sibling under this signature',
    (genuine) => {
      const [header, , signature] = partsOf(genuine);
      return `${header}.${genuine.sibling.split('.')[1]}.${signature}`;
    },
  ],
  withText('a dot behind', (token) => `${token}.`),
  withText('a dot before', (token) => `.${token}`),
  withText('a segment behind', (token) => `${token}.AAAA`),
  withText('two dots in a row', (token) => token.replace('.', '..')),
  withText('two segments', (token) => token.slice(0, token.lastIndexOf('.'))),
  withText('one segment', (token) => token.slice(0, token.indexOf('.'))),
  withText('five segments, as a JWE has (RFC 7516)', () => {
    const header = base64url(JSON.stringify({ alg: 'dir', enc: 'A256GCM', typ: 'chat-session+jwt' }));
    return `${header}..${base64url(Buffer.alloc(12))}.${base64url('secret')}.${base64url(Buffer.alloc(16))}`;
  }),
  withText('five segments, the first three genuine', (token) => `${token}.AAAA.AAAA`),
  withText('JSON serialization (RFC 7515, 7.2.2)', (token) => {
    const [header, payload, signature] = token.split('.');
    return JSON.stringify({ protected: header, payload, signature });
  }),
  withText('detached claims (RFC 7515, appendix F)', (token) => token.replace(/\.[^.]+\./, '..')),
  withText('dots as %2E', (token) => token.replaceAll('.', '%2E')),
  withText('one character as %', (token) => token.replace(/^e/, '%65')),
  withText('full-width dots', (token) => token.replaceAll('.', '．')),
  withText('a zero-width space inside', (token) => token.replace('.', '.\u200b')),
  withText('a Cyrillic letter inside', (token) => token.replace(/^e/, 'е')),
  withText('in quotes', (token) => `"${token}"`),
  withText('twice, with a comma', (token) => `${token},${token}`),
  withText('with its sibling, with a comma', (token, { sibling }) => `${token}, ${sibling}`),
  withText('Bearer twice', (token) => `Bearer ${token}`),
  withText('a space inside', (token) => token.replace('.', '. ')),
  withText('a space before', (token) => ` ${token}`),
  withText('a space behind', (token) => `${token} `),
  withText('several spaces before', (token) => `   ${token}`),
  withText('several spaces behind', (token) => `${token}   `),
  withText('a tab behind', (token) => `${token}\t`),
  withText('a line break inside', (token) => token.replace('.', '.\n')),
  withText('a line break behind', (token) => `${token}\n`),
  withText('CR LF behind', (token) => `${token}\r\n`),
  withText('a NUL inside', (token) => token.replace('.', '.\0')),
  withText('a NUL behind', (token) => `${token}\0`),
  withText('= behind', (token) => `${token}=`),
  withText('in lower case', (token) => token.toLowerCase()),
  withText('in capitals', (token) => token.toUpperCase()),
  withText('one character less at its beginning', (token) => token.slice(1)),
  withText('empty', () => ''),
  withText('null', () => 'null'),
  withText('undefined', () => 'undefined'),
  withText('{}', () => '{}'),
  withText('two dots alone', () => '..'),
  withText('a UUID', () => '0193aa00-0000-7000-8000-000000000001'),
  withText('a widget key', () => 'pk_live_00000000000000000000000000000001'),
  withText('10,000 dots', () => '.'.repeat(10_000)),
  withText('40,000 characters behind', (token) => token + 'A'.repeat(40_000)),
];

/** What must be refused by whoever has the keyring, without asking anything else. */
export const forgeries: readonly Forgery[] = [...HEADERS, ...CLAIMS, ...SIGNATURES, ...TEXTS].map(
  ([name, forge]) => ({ name, forge }),
);
