import { IncomingMessage } from 'node:http';
import { connect, Socket } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createPipelining } from '../../src/gateway/pipelining.js';
import { listening, testEndpoint } from './test-gateway.js';

const test = suite('pipelining');

const REQUEST = `POST / HTTP/1.1\r\nHost: x\r\nX-Padding: ${'x'.repeat(100)}\r\nContent-Length: 2\r\n\r\n{}`;

/** A pipeline that answers when it is told to. */
function heldPipeline() {
  const waiting: (() => void)[] = [];
  let most = 0;
  return {
    waiting,
    most: () => most,
    pipeline: {
      invoke: () =>
        new Promise<never>((resolve) => {
          waiting.push(() => resolve(Object.create(null) as never));
          most = Math.max(most, waiting.length);
        }),
    },
    answerAll() {
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

function dial(port: number): { socket: Socket; answers: () => number; received: () => string } {
  let received = '';
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.on('data', (chunk) => {
    received += chunk;
  });
  return { socket, answers: () => received.split('HTTP/1.1 200').length - 1, received: () => received };
}

test('of a connection eight requests are answered at a time, and all in the end, in order', async () => {
  const held = heldPipeline();
  const { port, close } = await listening({ pipeline: held.pipeline });
  const { socket, answers } = dial(port);
  try {
    socket.write(REQUEST.repeat(100));
    await until('eight are begun', async () => held.waiting.length === 8);
    while (answers() < 100) {
      held.answerAll();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.is(held.most(), 8);
  } finally {
    socket.destroy();
    await close();
  }
});

test('while requests wait, the connection is not read', async () => {
  const held = heldPipeline();
  const { port, close } = await listening({ pipeline: held.pipeline });
  const { socket, answers } = dial(port);
  const all = 200_000;
  try {
    let sent = 0;
    const send = () => {
      while (sent < all && !socket.writableNeedDrain) {
        socket.write(REQUEST.repeat(1_000));
        sent += 1_000;
      }
    };
    socket.on('drain', send);
    send();
    await until('eight are begun', async () => held.waiting.length === 8);
    // The buffers of both ends take some more.
    for (let before = -1; before !== sent; ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(sent < all, 'everything was read');

    const timer = setInterval(() => held.answerAll(), 0);
    try {
      await until('2,000 answers', async () => answers() > 2_000);
    } finally {
      clearInterval(timer);
    }
    assert.is(held.most(), 8);
  } finally {
    socket.destroy();
    await close();
  }
});

test('of the shortest requests there are, a piece is parsed and the rest waits unread; others are served', async () => {
  const held = heldPipeline();
  const { port, close } = await listening({ pipeline: held.pipeline });
  const greedy = dial(port);
  const good = dial(port);
  try {
    greedy.socket.write('POST / HTTP/1.1\r\nHost:\r\n\r\n'.repeat(2_000));
    await until('eight are begun', async () => held.waiting.length === 8);
    good.socket.write(REQUEST);
    await until('the other is begun', async () => held.waiting.length === 9);
    held.answerAll();
    await until('the other is answered', async () => good.answers() === 1);
    const timer = setInterval(() => held.answerAll(), 0);
    try {
      await until('all are answered', async () => greedy.answers() === 2_000);
    } finally {
      clearInterval(timer);
    }
  } finally {
    greedy.socket.destroy();
    good.socket.destroy();
    await close();
  }
});

test('a client that pipelines and reads late gets all its answers: two have reasons to stop reading from it', async () => {
  const large = Buffer.alloc(20_000, 'x');
  const { port, close } = await listening({ endpoints: [testEndpoint({ write: () => large })] });
  const { socket, answers } = dial(port);
  try {
    socket.pause();
    let sent = 0;
    const send = () => {
      while (sent < 2_000 && socket.write(REQUEST)) sent++;
      sent++;
    };
    socket.on('drain', send);
    send();
    await new Promise((resolve) => setTimeout(resolve, 300));
    socket.resume();
    await until('all are answered', async () => answers() >= 2_000);
    assert.not(socket.destroyed);
  } finally {
    socket.destroy();
    await close();
  }
});

test('a client that pipelines and closes its side gets all its answers', async () => {
  const { port, close } = await listening();
  const { socket, answers } = dial(port);
  try {
    socket.end(REQUEST.repeat(500));
    await until('all are answered', async () => answers() === 500);
  } finally {
    socket.destroy();
    await close();
  }
});

test('of what waits on a connection that is gone, little is begun: when answers cannot be sent it is forgotten', async () => {
  const held = heldPipeline();
  const { port, close } = await listening({ pipeline: held.pipeline });
  const { socket } = dial(port);
  try {
    socket.write(REQUEST.repeat(100));
    await until('eight are begun', async () => held.waiting.length === 8);
    socket.resetAndDestroy();
    let begun = 8;
    await until('no more are begun', async () => {
      begun += held.waiting.length;
      held.answerAll();
      return held.waiting.length === 0;
    });
    assert.ok(begun <= 24, `${begun} were begun`);
  } finally {
    await close();
  }
});

test('a broken request behind an unanswered one closes: its refusal could be taken for the answer', async () => {
  const held = heldPipeline();
  const { port, close } = await listening({ pipeline: held.pipeline });
  const { socket, received } = dial(port);
  try {
    socket.write(`${REQUEST}GARBAGE\r\n\r\n`);
    await until('the connection is closed', async () => socket.destroyed);
    assert.is(received(), '');
  } finally {
    await close();
  }
});

test('what all connections together let wait is bounded', () => {
  const { add, begin } = createPipelining({ maxOpen: 1, maxOpenInAll: 100, maxWaiting: 25 });
  const begun = Array.from({ length: 4 }, () => {
    const request = new IncomingMessage(new Socket());
    add(request.socket);
    return Array.from({ length: 12 }, () => begin(request, () => {})).filter(Boolean).length;
  });
  assert.equal(begun, [12, 12, 4, 1]);
});

test('while much is under way in all, each connection has one request answered at a time', () => {
  const { add, begin, end } = createPipelining({ maxOpen: 8, maxOpenInAll: 10, maxWaiting: 100 });
  const begun: string[] = [];
  const requests = ['a', 'b', 'c'].map((name) => {
    const request = new IncomingMessage(new Socket());
    add(request.socket);
    for (let n = 0; n < 12; n++) begin(request, () => begun.push(name));
    return request;
  });
  assert.is(begun.join(''), `${'a'.repeat(8)}bbc`);
  const [a, b, c] = requests;
  for (const request of [a, b, c]) if (request) end(request);
  // The first and the second have others under way; the last one had none.
  assert.is(begun.slice(11).join(''), 'bc');
});
