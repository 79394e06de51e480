import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { readQuery } from '../../src/gateway/connect-get.js';

const test = suite("the query of Connect's GET");

function requestOf(url: string): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { url });
}

const percent = (bytes: Buffer) => bytes.toString('hex').replace(/../g, '%$&');
const padded = (bytes: Buffer) =>
  encodeURIComponent(bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_'));

/** The ways in which a query can carry the same bytes. */
const FORMS: Readonly<Record<string, (bytes: Buffer) => string>> = {
  'percent-encoded': (bytes) => `message=${percent(bytes)}`,
  base64: (bytes) => `base64=1&message=${bytes.toString('base64url')}`,
  'base64 with padding': (bytes) => `message=${padded(bytes)}&base64=1`,
  'gzip, percent-encoded': (bytes) => `compression=gzip&message=${percent(gzipSync(bytes))}`,
  'gzip, base64': (bytes) => `message=${gzipSync(bytes).toString('base64url')}&base64=1&compression=gzip`,
};
for (const [name, encode] of Object.entries(FORMS)) {
  test(`any bytes arrive as they were sent: ${name}`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (sent) => {
        const bytes = Buffer.from(sent);
        const query = readQuery(requestOf(`/a.B/C?connect=v1&encoding=proto&${encode(bytes)}`));
        assert.equal([query.version, query.encoding], ['v1', 'proto']);
        assert.is(Buffer.compare(query.message(), bytes), 0);
      }),
    );
  });
}

test('any text arrives as a browser encodes it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      for (const query of [
        `message=${encodeURIComponent(text)}`,
        new URLSearchParams({ message: text }).toString(),
      ]) {
        assert.is(
          readQuery(requestOf(`/a.B/C?${query}`))
            .message()
            .toString(),
          text,
        );
      }
    }),
  );
});
