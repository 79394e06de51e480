import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { compileOrigins as compile } from '../../src/catalog/compile-origins.js';
import { OriginPatternError, parseOriginPattern } from '../../src/catalog/origins.js';

const compileOrigins = (patterns: readonly string[]) => {
  const match = compile(patterns);
  return (origin: string) => match(origin) !== undefined;
};

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
  ['https://shop-*.acme-preview.app', 'https://shop-*.acme-preview.app'],
  ['https://*-shop.acme-preview.app', 'https://*-shop.acme-preview.app'],
  ['https://a*.acme.com', 'https://a*.acme.com'],
  ['HTTPS://Shop-*-EU.Acme.com:443', 'https://shop-*-eu.acme.com'],
  ['https://shop-*.acme.com:8443', 'https://shop-*.acme.com:8443'],
  ['https://shop-*.bücher.example', 'https://shop-*.xn--bcher-kva.example'],
  // A hosting platform is a private suffix: the fixed part names the customer.
  ['https://deploy-preview-*--acme.netlify.app', 'https://deploy-preview-*--acme.netlify.app'],
  ['https://*--acme.netlify.app', 'https://*--acme.netlify.app'],
  ['https://*.acme.netlify.app', 'https://*.acme.netlify.app'],
  ['capacitor://localhost', 'capacitor://localhost'],
  ['Ionic://localhost', 'ionic://localhost'],
  ['app://acme', 'app://acme'],
  ['tauri://localhost', 'tauri://localhost'],
  ['http://tauri.localhost', 'http://tauri.localhost'],
  ['acme-app://localhost:3000', 'acme-app://localhost:3000'],
  [
    'chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb',
    'chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb',
  ],
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
  ['https:///', /no host/],
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
  ['https://*acme.com', /public suffix com/],
  ['https://acme.*', /where none may stand/],
  ['https://shop-*', /where none may stand/],
  ['https://-*.acme.com', /where none may stand/],
  ['https://shop.v*.acme.com', /where none may stand/],
  ['https://bü*.acme.com', /where none may stand/],
  ['https://sh_*.acme.com', /where none may stand/],
  ['https://a*b*.acme.com', /two wildcards/],
  ['https://shop-*.*.acme.com', /two wildcards/],
  ['https://shop-*.com', /public suffix com/],
  ['https://shop-*.co.uk', /public suffix co\.uk/],
  ['https://shop-*.example', /public suffix example/],
  ['https://*.netlify.app', /public suffix netlify\.app/],
  ['https://-*.netlify.app', /where none may stand/],
  ['https://1*.0.0.1', /no valid host/],
  ['https://0x*.1', /no valid host/],
  ['http://a*.127.0.0.1', /no valid host/],
  ['https://shop-*.acme.com/', /a slash: leave the slash out: write https:\/\/shop-\*\.acme\.com$/],
  ['capacitor://*', /wildcard and the scheme of an app/],
  ['capacitor://localhost:*', /wildcard and the scheme of an app/],
  ['capacitor://local host', /white space/],
  ['capacitor://localhost/', /slash.*write capacitor:\/\/localhost$/],
  ['capacitor://user@localhost', /user name/],
  ['capacitor://', /no host/],
  ['capacitor://bücher', /no valid host/],
  ['capacitor:localhost', /does not start with/],
  ['file:///index.html', /does not start with/],
  ['wss://acme.com', /does not start with/],
  ['javascript://acme.com', /does not start with/],
  ['htps://acme.com', /did you mean https/],
  ['httpss://acme.com', /did you mean https/],
  [`https://${'a'.repeat(300)}.com`, /longer than 300/],
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
      (error: Error) =>
        error instanceof OriginPatternError &&
        error.message.startsWith(JSON.stringify(written).slice(0, 60)) &&
        why.test(error.message),
    );
    assert.is(compileOrigins([written])(written), false);
  });
}

/** What an author writes → the broken rule, and what the message says to write. */
const ADVICE: readonly (readonly [written: string, rule: string, instead: string | undefined])[] = [
  ['acme.com', 'scheme', 'https://acme.com'],
  ['ACME.com/shop', 'scheme', 'https://acme.com'],
  ['https://acme.com/', 'path', 'https://acme.com'],
  ['https://Acme.com/shop?x=1', 'path', 'https://acme.com'],
  ['https://*.acme.com/shop', 'path', 'https://*.acme.com'],
  ['https://user:secret@acme.com', 'credentials', 'https://acme.com'],
  ['https://user:secret@acme.com/shop', 'path', 'https://acme.com'],
  ['https://acme.com.', 'trailing_dot', 'https://acme.com'],
  ['https://*.acme.com.:8443', 'trailing_dot', 'https://*.acme.com:8443'],
  ['https://acme.com:', 'port', 'https://acme.com'],
  ['https://bücher.example/', 'path', 'https://xn--bcher-kva.example'],
  ['http://[::1]/', 'path', 'http://[::1]'],
  ['https://*.github.io/', 'path', undefined],
  ['https://acme.com https://b.com', 'white_space', undefined],
  ['*', 'every_website', undefined],
  ['null', 'null', undefined],
  ['https://ac%6De.com', 'percent', undefined],
  ['https://*.*.acme.com', 'two_wildcards', undefined],
  ['https://a.*.com', 'wildcard_place', undefined],
  ['https://acme.com:*', 'wildcard_port', undefined],
  ['http://*.127.0.0.1', 'wildcard_address', undefined],
  ['https://*.com', 'public_suffix', undefined],
  ['capacitor://*', 'app_wildcard', undefined],
  ['https://acme..com', 'host', undefined],
  [`https://${'a'.repeat(300)}.com`, 'max_length', undefined],
];
for (const [written, rule, instead] of ADVICE) {
  test(`advises on ${written.slice(0, 40)}: ${rule}`, () => {
    try {
      parseOriginPattern(written);
    } catch (error) {
      if (!(error instanceof OriginPatternError)) throw error;
      assert.is(error.rule, `allowed_origins.${rule}`);
      assert.is(error.instead, instead);
      if (instead !== undefined) assert.ok(error.message.endsWith(`: write ${instead}`), error.message);
      return;
    }
    assert.unreachable();
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
  'https://shop-*.acme-preview.app',
  'https://*--acme.netlify.app',
  'capacitor://localhost',
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
  'https://shop-1.acme-preview.app',
  'https://shop-feature-a-1.acme-preview.app',
  'https://deploy-preview-7--acme.netlify.app',
  'capacitor://localhost',
];
for (const origin of ALLOWED) test(`allows ${origin}`, () => assert.is(allows(origin), true));

const REFUSED = [
  'https://shop-.acme-preview.app',
  'https://shop-1.x.acme-preview.app',
  'https://x.shop-1.acme-preview.app',
  'https://shop-1.acme-preview.app:8443',
  'http://shop-1.acme-preview.app',
  'https://SHOP-1.acme-preview.app',
  'https://shop-A.acme-preview.app',
  'https://shop-_.acme-preview.app',
  'https://shop-@evil.acme-preview.app',
  'https://shop-/.acme-preview.app',
  'https://shop-ü.acme-preview.app',
  'https://shop-*.acme-preview.app',
  'https://shop-1.acme-preview.app.evil.example',
  'https://evil.example/shop-1.acme-preview.app',
  'https://acme.netlify.app',
  'https://--acme.netlify.app',
  'https://evil.netlify.app',
  'https://x--acme.netlify.app.evil.example',
  'Capacitor://localhost',
  'capacitor://localhost/',
  'capacitor://localhost.evil.example',
  'capacitor://',
  'ionic://localhost',
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
      assert.match(
        url.hostname,
        /^(?:(?:.+\.)?acme\.com|localhost|127\.0\.0\.1|\[::1\]|shop-[a-z0-9-]+\.acme-preview\.app)$/,
      );
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

/** The same decision, slowly: both sides taken apart, and compared label by label. */
function naive(pattern: string, origin: string): boolean {
  const parts = (text: string) =>
    /^([a-z-]+):\/\/([a-z0-9.*-]+)(?::([0-9]+|\*))?$/.exec(text)?.slice(1) ?? [];
  const [scheme, host = '', portText] = parts(pattern);
  const [seenScheme, seenHost = '', seenPort] = parts(origin);
  if (seenScheme === undefined || scheme !== seenScheme || seenHost.includes('*')) return false;
  if (portText === '*' ? seenPort === '*' : portText !== seenPort) return false;
  const labels = host.split('.').reverse();
  const seen = seenHost.split('.').reverse();
  if (seen.includes('')) return false;
  return labels.every((label, at) => {
    const isLast = at === labels.length - 1;
    if (label === '*') return seen.length > at;
    if (isLast && seen.length !== labels.length) return false;
    const [before = '', after] = label.split('*');
    const other = seen[at] ?? '';
    if (after === undefined) return label === other;
    const middle = other.length - before.length - after.length;
    return middle > 0 && other.startsWith(before) && other.endsWith(after);
  });
}

test('the compiled patterns decide as a naive comparison does', () => {
  const patterns = [
    'https://acme.com',
    'https://*.acme.com',
    'https://shop-*.acme.com',
    'https://*-shop.acme.com',
    'https://a*b.acme.com',
    'https://a*.acme.com:8443',
    'http://localhost:*',
    'capacitor://localhost',
  ];
  const labelOf = fc.oneof(
    fc.constantFrom(
      'acme',
      'com',
      'shop-',
      'shop-1',
      '-shop',
      '1-shop',
      'ab',
      'axb',
      'aab',
      'a',
      'localhost',
      '',
    ),
    fc.stringMatching(/^[a-z0-9-]{1,4}$/).filter((text) => !text.startsWith('xn--')),
  );
  const origin = fc
    .tuple(
      fc.constantFrom('https', 'https', 'https', 'http', 'capacitor'),
      fc.array(labelOf, { minLength: 1, maxLength: 2 }),
      fc.constantFrom('', '.acme.com', '.acme.com', '.acme.com'),
      fc.constantFrom('', '', ':8443', ':3000'),
    )
    .map(([scheme, labels, end, portText]) => `${scheme}://${labels.join('.')}${end}${portText}`);
  let matched = 0;
  fc.assert(
    fc.property(fc.subarray(patterns, { minLength: 1 }), origin, (some, text) => {
      const expected = some.some((pattern) => naive(pattern, text));
      if (expected) matched++;
      assert.is(compileOrigins(some)(text), expected, `${some} ${text}`);
    }),
    { numRuns: 5_000 },
  );
  assert.ok(matched > 200, `only ${matched} of them matched`);
});
