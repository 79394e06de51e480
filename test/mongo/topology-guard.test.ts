import { EventEmitter } from 'node:events';
import { mock } from 'node:test';
import { suite } from '@chatsessions/test-harness';
import type { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { guardTopology } from '../../src/mongo/topology-guard.js';

const test = suite('watch of the driver’s monitor');
test.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.after.each(() => mock.timers.reset());

/** A client as far as the watch sees it: its events, and what is asked of it. */
function rig() {
  const asked: string[] = [];
  const client = Object.assign(new EventEmitter(), {
    close: async () => void asked.push('close'),
    connect: async () => void asked.push('connect'),
  });
  const unwatch = guardTopology(client as unknown as MongoClient);
  const look = (awaited = false) => client.emit('serverHeartbeatStarted', { connectionId: 'a:1', awaited });
  const end = (event: string) => client.emit(event, { connectionId: 'a:1', address: 'a:1' });
  const pass = async (ms: number) => {
    mock.timers.tick(ms);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { asked, unwatch, look, end, pass };
}

test('a look that never ends makes it connect anew', async () => {
  const { asked, look, pass } = rig();
  look();
  await pass(7_999);
  assert.equal(asked, []);
  await pass(1);
  assert.equal(asked, ['close', 'connect']);
});

test('a streaming look may take longer', async () => {
  const { asked, look, pass } = rig();
  look(true);
  await pass(19_999);
  assert.equal(asked, []);
  await pass(1);
  assert.equal(asked, ['close', 'connect']);
});

for (const event of ['serverHeartbeatSucceeded', 'serverHeartbeatFailed', 'serverClosed']) {
  test(`a look that ended is none of its business: ${event}`, async () => {
    const { asked, look, end, pass } = rig();
    look();
    end(event);
    await pass(60_000);
    assert.equal(asked, []);
  });
}

test('once ended it does nothing', async () => {
  const { asked, unwatch, look, pass } = rig();
  look();
  unwatch();
  look();
  await pass(60_000);
  assert.equal(asked, []);
});
