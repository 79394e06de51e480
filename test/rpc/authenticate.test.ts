import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { mock } from 'node:test';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import {
  createAuthenticate,
  type KnownCaller,
  subjectText,
  tokenDigest,
} from '../../src/callers/authenticate.js';
import { type Call, type CertificateSubject, SCOPES } from '../../src/rpc/call.js';
import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('authenticate');

const NEW = 'cse_new-token-of-the-reader';
const OLD = 'cse_old-token-of-the-reader';
const WRITER = 'cse_token-of-the-writer';

const KNOWN: readonly KnownCaller[] = [
  {
    name: 'reader',
    scopes: new Set(['read']),
    tenants: new Set(['acme']),
    tokenDigests: [tokenDigest(NEW), tokenDigest(OLD)],
    certificateSubject: { CN: 'reader', O: 'Acme', OU: ['Chat', 'Flows'] },
  },
  { name: 'writer', scopes: new Set(SCOPES), tenants: 'all', tokenDigests: [tokenDigest(WRITER)] },
  {
    name: 'eraser',
    scopes: new Set(['erase']),
    tenants: 'all',
    tokenDigests: [],
    certificateSubject: { CN: 'eraser' },
  },
];

interface Shown {
  readonly authorization?: string;
  readonly subject?: CertificateSubject;
  readonly surface?: Call['surface'];
}

function callOf({ authorization, subject, surface = 'engine' }: Shown): Call {
  return {
    surface,
    transport: surface === 'engine' ? 'grpc' : 'http',
    requestId: 'r',
    timeoutMs: 1_000,
    header: (name) => (name === 'authorization' ? authorization : undefined),
    certificateSubject: () => subject,
  };
}

/** The caller's name, or the code of the refusal. */
function outcome(known: readonly KnownCaller[], shown: Shown): string | undefined {
  try {
    return createAuthenticate(known)(callOf(shown))?.name;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return error.code;
  }
}

const READER_SUBJECT = { CN: 'reader', O: 'Acme', OU: ['Chat', 'Flows'] };
const bearer = (token: string) => `Bearer ${token}`;

const TABLE: readonly (readonly [name: string, shown: Shown, expected: string | undefined])[] = [
  ['its token', { authorization: bearer(NEW) }, 'reader'],
  ['the token before it', { authorization: bearer(OLD) }, 'reader'],
  ['the token of the next one', { authorization: bearer(WRITER) }, 'writer'],
  ['nothing', {}, 'unauthenticated'],
  ['an unknown token', { authorization: bearer(`${NEW}x`) }, 'unauthenticated'],
  [
    'the hash of a token',
    { authorization: bearer(`sha256:${tokenDigest(NEW).toString('hex')}`) },
    'unauthenticated',
  ],
  ['the hex of a hash', { authorization: bearer(tokenDigest(NEW).toString('hex')) }, 'unauthenticated'],
  ['the name of a caller', { authorization: bearer('reader') }, 'unauthenticated'],

  ['its certificate', { subject: READER_SUBJECT }, 'reader'],
  [
    'its certificate, attributes in another order',
    { subject: { OU: ['Chat', 'Flows'], O: 'Acme', CN: 'reader' } },
    'reader',
  ],
  ['the certificate of another', { subject: { CN: 'eraser' } }, 'eraser'],
  ['an unknown subject', { subject: { CN: 'stranger' } }, 'unauthenticated'],
  ['an attribute too few', { subject: { CN: 'reader', O: 'Acme' } }, 'unauthenticated'],
  ['an attribute too many', { subject: { CN: 'eraser', O: 'Acme' } }, 'unauthenticated'],
  ['a value too few', { subject: { ...READER_SUBJECT, OU: ['Chat'] } }, 'unauthenticated'],
  ['values in another order', { subject: { ...READER_SUBJECT, OU: ['Flows', 'Chat'] } }, 'unauthenticated'],
  ['two values as one', { subject: { ...READER_SUBJECT, OU: 'Chat,Flows' } }, 'unauthenticated'],
  ['another letter case', { subject: { CN: 'Eraser' } }, 'unauthenticated'],
  ['a subject of nothing', { subject: {} }, 'unauthenticated'],
  ['an attribute that every object has', { subject: { constructor: 'eraser' } }, 'unauthenticated'],

  ['both: the token decides', { authorization: bearer(WRITER), subject: { CN: 'eraser' } }, 'writer'],
  ['both, the token is bad', { authorization: bearer('no'), subject: { CN: 'eraser' } }, 'unauthenticated'],
  ['both, of another scheme', { authorization: 'Basic eDp5', subject: { CN: 'eraser' } }, 'unauthenticated'],
  ['both, without a token', { authorization: 'Bearer ', subject: { CN: 'eraser' } }, 'unauthenticated'],
  ['both, an empty header', { authorization: '', subject: { CN: 'eraser' } }, 'unauthenticated'],
  [
    'both, two tokens',
    { authorization: `${bearer(NEW)}, ${bearer(NEW)}`, subject: { CN: 'eraser' } },
    'unauthenticated',
  ],

  ['a browser', { surface: 'chat' }, undefined],
  ['a browser with a token of ours', { surface: 'chat', authorization: bearer(WRITER) }, undefined],
  ['a browser with any token', { surface: 'chat', authorization: bearer('no') }, undefined],
];
for (const [name, shown, expected] of TABLE) {
  test(name, () => assert.is(outcome(KNOWN, shown), expected));
}

test('where nobody is known anybody is let in, whatever they show', () => {
  for (const shown of [{}, { authorization: bearer('no') }, { subject: { CN: 'x' } }]) {
    assert.is(outcome([], shown), undefined);
  }
});

test('where callers are known by certificates alone, a call over plain text is refused', () => {
  const { certificateSubject: _, ...call } = callOf({});
  assert.throws(
    () => createAuthenticate(KNOWN)(call),
    (error: unknown) => error instanceof ServiceError && error.code === 'unauthenticated',
  );
});

test('a caller comes with its scopes and tenants, and without its secrets', () => {
  const caller = createAuthenticate(KNOWN)(callOf({ authorization: bearer(OLD) }));
  assert.equal(caller, { name: 'reader', scopes: new Set(['read']), tenants: new Set(['acme']) });
});

test('no refusal quotes what was shown', () => {
  for (const shown of [{ authorization: bearer('s3cret') }, { subject: { CN: 's3cret' } }]) {
    try {
      createAuthenticate(KNOWN)(callOf(shown));
      assert.unreachable();
    } catch (error) {
      assert.instance(error, ServiceError);
      assert.not.match(JSON.stringify(error) + String(error), 's3cret');
    }
  }
});

test('a certificate is not read where a token is given, nor where no caller has one', () => {
  let reads = 0;
  const call = (authorization?: string): Call => ({
    ...callOf(authorization === undefined ? {} : { authorization }),
    certificateSubject: () => {
      reads++;
      return { CN: 'eraser' };
    },
  });
  createAuthenticate(KNOWN)(call(bearer(NEW)));
  assert.throws(() => createAuthenticate(KNOWN.slice(1, 2))(call()));
  assert.is(reads, 0);
  createAuthenticate(KNOWN)(call());
  assert.is(reads, 1);
});

for (const [name, token] of [
  ['the first', NEW],
  ['the last', WRITER],
  ['no', 'cse_unknown'],
] as const) {
  test(`a token is compared in constant time with every digest, when it is ${name} one`, () => {
    const compare = mock.method(crypto, 'timingSafeEqual');
    syncBuiltinESMExports();
    try {
      outcome(KNOWN, { authorization: bearer(token) });
      assert.is(compare.mock.callCount(), 3);
    } finally {
      compare.mock.restore();
      syncBuiltinESMExports();
    }
  });
}

test('the text of a subject tells apart what is apart', () => {
  const subjects: readonly CertificateSubject[] = [
    {},
    { CN: 'a' },
    { CN: 'a', O: 'b' },
    { CN: ['a', 'b'] },
    { CN: 'a,b' },
    { CN: '["a","b"]' },
    { CN: 'a"],["O","b' },
    { O: 'a' },
  ];
  assert.is(new Set(subjects.map(subjectText)).size, subjects.length);
  assert.is(subjectText({ CN: 'a' }), subjectText({ CN: ['a'] }));
});
