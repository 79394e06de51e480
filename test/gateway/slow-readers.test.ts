import { connect } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { listening, testEndpoint } from './test-gateway.js';

const test = suite('slow readers');

/** More than the buffers of both ends of a connection take. */
const LARGE = Buffer.alloc(32 * 1024 * 1024, 'x');
/** Long enough for a process that gets little of a busy machine. */
const maxStallMs = 1_000;
const REQUEST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';

test('a client that does not read its answer is closed, and one that reads is not', async () => {
  const endpoints = [testEndpoint({ write: () => LARGE })];
  const { port, refusals, close } = await listening({ endpoints, maxStallMs });
  const stopped = connect(port, '127.0.0.1').on('error', () => {});
  const reader = connect(port, '127.0.0.1').on('error', () => {});
  let read = 0;
  reader.on('data', (chunk) => {
    read += chunk.length;
  });
  try {
    stopped.write(REQUEST);
    reader.write(REQUEST);
    await until('it is closed', async () => refusals.length === 1);
    assert.is(refusals[0]?.code, 'reader_too_slow');
    await until('the other has it all', async () => read > LARGE.length);

    // There is nothing to read now, so that silence is no stall.
    await new Promise((resolve) => setTimeout(resolve, 1.5 * maxStallMs));
    assert.is(refusals.length, 1);
    assert.not(reader.destroyed);
  } finally {
    stopped.destroy();
    reader.destroy();
    await close();
  }
});
