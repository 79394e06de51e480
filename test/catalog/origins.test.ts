import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { compileOrigins, parseOriginPattern } from '../../src/catalog/origins.js';

const test = suite('origins');

/** What an author writes → its normal form. */
const GOOD: readonly (readonly [written: string, normal: string])[] = [
  ['https://acme.com', 'https://acme.com'],
  ['http://acme.com', 'http://acme.com'],
  ['HTTPS://Shop.ACME.com', 'https://shop.acme.com'],
  ['https://acme.com:443', 'https://acme.com'],
  ['http://acme.com:80', 'http://acme.com'],
  ['http://acme.com:443', 'http://acme.com:443'],
  ['https://acme.com:8443', 'https://acme.com:8443'],
  ['https://acme.com:08443', 'https://acme.com:8443'],
  ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ['https://BÜCHER.example:8443', 'https://xn--bcher-kva.example:8443'],
  ['https://*.bücher.example', 'https://*.xn--bcher-kva.example'],
  ['https://*.acme.com', 'https://*.acme.com'],
  ['https://*.ACME.com:443', 'https://*.acme.com'],
  ['https://*.acme.com:8443', 'https://*.acme.com:8443'],
  ['http://*.shop.acme.co.uk', 'http://*.shop.acme.co.uk'],
  ['https://*.acme.github.io', 'https://*.acme.github.io'],
  ['https://*.initech.example:8443', 'https://*.initech.example:8443'],
  ['https://github.io', 'https://github.io'],
  ['http://intranet', 'http://intranet'],
  ['http://192.168.1.10:3000', 'http://192.168.1.10:3000'],
  ['http://localhost', 'http://localhost'],
  ['http://localhost:3000', 'http://localhost:3000'],
  ['http://localhost:*', 'http://localhost:*'],
  ['https://LOCALHOST:*', 'https://localhost:*'],
  ['http://127.0.0.1:*', 'http://127.0.0.1:*'],
  ['https://127.1.2.3:*', 'https://127.1.2.3:*'],
  ['http://[::1]:*', 'http://[::1]:*'],
  ['http://[0:0:0:0:0:0:0:1]:*', 'http://[::1]:*'],
  ['http://[2001:DB8::1]:3000', 'http://[2001:db8::1]:3000'],
];
for (const [written, normal] of GOOD) {
  test(`accepts ${written}`, () => {
    assert.is(parseOriginPattern(written).text, normal);
    assert.equal(parseOriginPattern(normal), parseOriginPattern(written));
  });
}

const BAD: readonly (readonly [written: string, why: RegExp])[] = [
  ['', /does not start with https/],
  ['*', /every website/],
  ['null', /never be allowed/],
  ['acme.com', /does not start with https/],
  ['//acme.com', /does not start with https/],
  ['ftp://acme.com', /does not start with https/],
  ['ws://acme.com', /does not start with https/],
  ['*://acme.com', /does not start with https/],
  ['https:acme.com', /does not start with https/],
  ['https://', /no host/],
  ['https:///', /leave out path/],
  ['https://acme.com/', /slash/],
  ['https://*.acme.com/', /slash/],
  ['https://acme.com/shop', /leave out path/],
  ['https://acme.com?x=1', /leave out path/],
  ['https://acme.com#x', /leave out path/],
  ['https://acme.com\\', /leave out path/],
  ['https://user@acme.com', /user name/],
  ['https://user:secret@acme.com', /user name/],
  ['https://ac%6De.com', /percent/],
  [' https://acme.com', /white space/],
  ['https://acme.com ', /white space/],
  ['https://acme.com https://b.com', /white space/],
  ['https://ac\tme.com', /white space/],
  ['https://ac\u0000me.com', /control/],
  ['https://acme.com,https://b.com', /leave out path/],
  ['https://acme.com.', /ends in a dot/],
  ['https://*.acme.com.', /ends in a dot/],
  ['https://acme.com.:8443', /ends in a dot/],
  ['https://acme..com', /no valid host/],
  ['https://.acme.com', /no valid host/],
  ['https://*..acme.com', /no valid host/],
  ['https://acme.com:', /colon without a port/],
  ['https://acme.com:99999', /no valid host and port/],
  ['https://acme.com:http', /no valid host and port/],
  ['https://a,b.com', /no valid host/],
  ['https://1.2.3.400', /no valid host/],
  ['https://*', /where none may stand/],
  ['https://*:8443', /where none may stand/],
  ['https://*.', /no valid host/],
  ['https://a.*.com', /where none may stand/],
  ['https://*acme.com', /where none may stand/],
  ['https://acme.*', /where none may stand/],
  ['https://a*.acme.com', /where none may stand/],
  ['https://*.*.acme.com', /two wildcards/],
  ['https://*.com', /public suffix com/],
  ['https://*.co.uk', /public suffix co\.uk/],
  ['https://*.CO.UK:8443', /public suffix co\.uk/],
  ['https://*.github.io', /public suffix github\.io/],
  ['https://*.vercel.app', /public suffix vercel\.app/],
  ['https://*.公司.cn', /public suffix xn--55qx5d\.cn/],
  ['https://*.example', /public suffix example/],
  ['http://*.localhost', /public suffix localhost/],
  ['http://*.127.0.0.1', /address/],
  ['http://*.[::1]', /address/],
  ['https://acme.com:*', /wildcard port/],
  ['https://*.acme.com:*', /two wildcards/],
  ['https://127.evil.example:*', /wildcard port/],
  ['http://128.0.0.1:*', /wildcard port/],
  ['http://0.0.0.0:*', /wildcard port/],
  ['http://localhost.evil.example:*', /wildcard port/],
  ['http://localhost:3000:*', /wildcard port/],
  ['http://[::2]:*', /wildcard port/],
  ['http://:*', /no valid host/],
  ['http://*:*', /two wildcards/],
];
for (const [written, why] of BAD) {
  test(`refuses ${JSON.stringify(written)}`, () => {
    assert.throws(
      () => parseOriginPattern(written),
      (error: Error) => error.message.startsWith(JSON.stringify(written)) && why.test(error.message),
    );
    assert.is(compileOrigins([written])(written), false);
  });
}

const KEY = [
  'https://acme.com',
  'https://acme.com:8443',
  'https://bücher.example',
  'https://*.acme.com',
  'http://*.acme.com:8080',
  'http://localhost:*',
  'http://127.0.0.1:*',
  'http://[::1]:*',
];
const allows = compileOrigins(KEY);

const ALLOWED = [
  'https://acme.com',
  'https://acme.com:8443',
  'https://xn--bcher-kva.example',
  'https://www.acme.com',
  'https://a.b.c.d.acme.com',
  'https://a_b.acme.com',
  'https://xn--bcher-kva.acme.com',
  'http://www.acme.com:8080',
  'http://localhost',
  'http://localhost:3000',
  'http://localhost:65535',
  'http://127.0.0.1',
  'http://127.0.0.1:5173',
  'http://[::1]',
  'http://[::1]:5173',
];
for (const origin of ALLOWED) test(`allows ${origin}`, () => assert.is(allows(origin), true));

const REFUSED = [
  '',
  'null',
  '*',
  'acme.com',
  'http://acme.com',
  'https://acme.com/',
  'https://acme.com:443',
  'https://acme.com:8444',
  'https://acme.com.',
  'https://ACME.com',
  'HTTPS://acme.com',
  ' https://acme.com',
  'https://acme.com ',
  'https://acme.com https://acme.com',
  'https://acme.com, https://acme.com',
  'https://acme.com@evil.example',
  'https://acme.com:8443@evil.example',
  'https://acme.com.evil.example',
  'https://evil.example',
  'https://evilacme.com',
  'https://evil-acme.com',
  'https://bücher.example',
  'https://.acme.com',
  'https://..acme.com',
  'https://a..acme.com',
  'https://www.acme.com.',
  'https://WWW.acme.com',
  'https://www.acme.com:443',
  'https://www.acme.com:8443',
  'https://www.acme.com/',
  'http://www.acme.com',
  'http://acme.com:8080',
  'http://www.acme.com:08080',
  'https://*.acme.com',
  'https://evil.example#.acme.com',
  'https://evil.example?.acme.com',
  'https://evil.example/.acme.com',
  'https://evil.example\\.acme.com',
  'https://evil.example@www.acme.com',
  'https://www.acme.com@evil.example',
  'https://evil.example www.acme.com',
  'https://evil.example,www.acme.com',
  'https://evil.example\n.acme.com',
  'https://evil.example\u0000.acme.com',
  'https://evil.example%2f.acme.com',
  'https://evil.example https://www.acme.com',
  'https://evil.example:443.acme.com',
  'https://bücher.acme.com',
  'https://[::1].acme.com',
  'chrome-extension://abc.acme.com',
  'http://localhost:*',
  'http://localhost:',
  'http://localhost:80',
  'http://localhost:0800',
  'http://localhost:65536',
  'http://localhost:3000/',
  'http://localhost:3000@evil.example',
  'http://localhost:@evil.example',
  'http://localhost:3000#',
  'http://localhost:3000?',
  'http://localhost: 3000',
  'http://localhost.evil.example',
  'http://localhost.evil.example:3000',
  'http://LOCALHOST:3000',
  'https://localhost:3000',
  'http://127.0.0.1.evil.example',
  'http://127.0.0.2:3000',
  'http://127.1:3000',
  'http://0x7f000001:3000',
  'http://[::1]:3000.evil.example',
  'http://[0:0:0:0:0:0:0:1]:3000',
  'http://[::1',
  'file://',
  '\ud800',
  'https://\ud800.acme.com',
  'a'.repeat(100_000),
  `https://${'a.'.repeat(50_000)}evil.example`,
];
for (const origin of REFUSED) {
  test(`does not allow ${JSON.stringify(origin.slice(0, 60))}`, () => assert.is(allows(origin), false));
}

test('a key without origins allows nothing', () => {
  const none = compileOrigins([]);
  for (const origin of [...ALLOWED, ...REFUSED]) assert.is(none(origin), false);
});

test('a stored pattern that is not valid takes nothing from the others', () => {
  assert.is(compileOrigins(['https://*.github.io', 'https://acme.com'])('https://acme.com'), true);
  assert.is(compileOrigins(['https://*.github.io'])('https://stranger.github.io'), false);
});

const label = fc
  .stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
  .filter((text) => !text.startsWith('xn--'));
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => `${labels.join('.')}.example`);
const port = fc
  .option(fc.integer({ min: 1024, max: 65_535 }), { nil: undefined })
  .map((n) => (n ? `:${n}` : ''));

test('a wildcard allows every subdomain, and neither the bare domain nor one that only ends in its letters', () => {
  fc.assert(
    fc.property(host, port, host, label, (base, portText, sub, letters) => {
      const isAllowed = compileOrigins([`https://*.${base}${portText}`]);
      assert.is(isAllowed(`https://${sub}.${base}${portText}`), true);
      assert.is(isAllowed(`https://${base}${portText}`), false);
      assert.is(isAllowed(`https://${letters}${base}${portText}`), false);
      assert.is(isAllowed(`https://${sub}.${base}.evil.test${portText}`), false);
      assert.is(isAllowed(`http://${sub}.${base}${portText}`), false);
    }),
  );
});

test('whatever is allowed is an origin in the form that browsers send, on a host that was named', () => {
  const piece = fc.constantFrom(
    'https://',
    'http://',
    'acme.com',
    'www.',
    '.',
    'localhost',
    ':',
    '3000',
    '443',
  );
  const noise = fc.oneof(
    fc.constantFrom('@', '/', '\\', '#', '?', ' ', '\t', '%2e', '[::1]', 'A', 'evil'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: piece }, noise), { maxLength: 7 }), (pieces) => {
      const origin = pieces.join('');
      if (!allows(origin)) return;
      const url = new URL(origin);
      assert.is(url.origin, origin);
      assert.match(url.hostname, /^(?:(?:.+\.)?acme\.com|localhost|127\.0\.0\.1|\[::1\])$/);
    }),
    { numRuns: 2_000 },
  );
});

test('an exact origin allows its own normal form and nothing else', () => {
  fc.assert(
    fc.property(host, port, fc.string(), (name, portText, extra) => {
      const origin = `https://${name}${portText}`;
      const isAllowed = compileOrigins([origin]);
      assert.is(isAllowed(origin), true);
      if (extra !== '') assert.is(isAllowed(origin + extra), false);
    }),
  );
});
