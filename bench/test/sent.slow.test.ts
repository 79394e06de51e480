import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { REFUSED } from '../src/compare/refused.js';
import { connectOpen, publicOpen } from '../src/requests/open-request.js';
import { type ServerProcess, startOurs, startPeer } from '../src/servers/server-process.js';

const test = suite('bench: what is sent');

let service: ServerProcess;
test.before(async () => {
  service = await startOurs();
});
test.after(() => service?.stop());

const SENT = [
  { name: 'an open by the public path', request: publicOpen, status: 200 },
  { name: 'an open over Connect', request: connectOpen, status: 200 },
  ...REFUSED,
];
for (const { name, request, status } of SENT) {
  test(`${name}: ${status}`, async () => {
    const { method, path, headers, body } = request;
    const response = await fetch(service.http + path, { method, headers, body });
    assert.is(response.status, status, await response.text());
  });
}

test('a measured service says what it uses', () => {
  if (process.platform !== 'linux') return;
  assert.ok(service.memoryMiB() > 10, `${service.memoryMiB()} MiB`);
  assert.ok(service.cpuMs() > 0, `${service.cpuMs()} ms`);
});

test('a program that does not start is told of', async () => {
  const error = await startPeer('figures/statistics.js').catch((thrown: unknown) => thrown);
  assert.match(String(error), /bench\/figures\/statistics\.js did not start: it ended with 0/);
});
