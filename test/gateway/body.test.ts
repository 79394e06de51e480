import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createBodyReader } from '../../src/gateway/body.js';

const test = suite('bodies');

/** A server that keeps the bodies that it has read. */
async function rig(maxUnfinishedBytes: number) {
  const bodies: string[] = [];
  const readBody = createBodyReader({ maxUnfinishedBytes });
  const server = createServer((request, response) => {
    readBody(request).then(
      (body) => {
        bodies.push(body.toString());
        response.end();
      },
      (error: { readonly code: string }) => response.end(error.code),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    bodies,
    dial: () => connect(port, '127.0.0.1').on('error', () => {}),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const POST = 'POST / HTTP/1.1\r\nHost: x\r\n';

test('a body in pieces of one byte is put together', async () => {
  const { bodies, dial, close } = await rig(1_000_000);
  const text = Array.from({ length: 4_000 }, (_, at) => String.fromCharCode(97 + (at % 26))).join('');
  try {
    const pieces = [...text].map((byte) => `1\r\n${byte}\r\n`).join('');
    dial().write(`${POST}Transfer-Encoding: chunked\r\n\r\n${pieces}0\r\n\r\n`);
    await until('it is read', async () => bodies.length === 1);
    assert.is(bodies[0], text);
  } finally {
    close();
  }
});

test('a body in more pieces than any client needs is not read to its end', async () => {
  const { bodies, dial, close } = await rig(1_000_000);
  try {
    const socket = dial();
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes;
    });
    socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(5_000)}0\r\n\r\n`);
    await until('it is refused', async () => answer.includes('payload_too_large'));
    assert.equal(bodies, []);
  } finally {
    close();
  }
});

test('when unfinished bodies take too much, the oldest of them goes', async () => {
  const { bodies, dial, close } = await rig(10_000);
  const slow: Socket[] = [];
  try {
    for (let n = 0; n < 4; n++) {
      const socket = dial();
      slow.push(socket);
      socket.write(`${POST}Content-Length: 9000\r\n\r\n${'x'.repeat(3_000)}`);
      await until(`${n} has sent`, async () => socket.bytesWritten > 3_000 && socket.writableLength === 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await until('the oldest is closed', async () => slow[0]?.destroyed === true);
    assert.equal(
      slow.slice(1).map((socket) => socket.destroyed),
      [false, false, false],
    );
    dial().write(`${POST}Content-Length: 2\r\n\r\n{}`);
    await until('a body in one go is read', async () => bodies.length === 1);
  } finally {
    close();
  }
});
