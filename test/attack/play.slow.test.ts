import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { runAttacker } from './attacker.js';
import { withStatus } from './with-status.js';

const test = suite('attack: playing');

for (const [status, fault] of [
  [400, undefined],
  [200, /^Host: % at \/api\/public\/v1\/chat\/sessions: 200, not 400$/],
  [500, /^Host: % at \/api\/public\/v1\/chat\/sessions: 500$/],
] as const) {
  test(`host-headers against a server that answers ${status}: ${fault ? 'faults' : 'none'}`, () =>
    withStatus(status, async (target) => {
      const { faults } = await runAttacker({ name: 'host-headers' }, { target, ms: 1 });
      if (fault) assert.match(faults[0] ?? '', fault);
      else assert.equal(faults, []);
    }));
}

for (const [name, status, expected] of [
  ['http-smuggling', 200, /: 200$/],
  ['http-expect', 500, /^there were answers 500$/],
  ['log-refusals', 500, /^there were answers 500$/],
  ['made-up-keys', 200, /^there were answers 200$/],
  ['made-up-tokens', 200, /^there were answers 200$/],
  ['pipelining-40', 500, /^there were answers 500$/],
  ['grpc-gzip', 200, /^no call was refused$/],
] as const) {
  test(`${name} fails against a server that answers ${status}`, () =>
    withStatus(status, async (target) => {
      const { faults } = await runAttacker({ name }, { target, ms: 200 });
      assert.match(faults[0] ?? '', expected);
    }));
}

test('an attack that cannot be played is a fault', () =>
  withStatus(200, async (target) => {
    const { faults } = await runAttacker({ name: 'none-such' }, { target, ms: 1 });
    assert.match(faults[0] ?? '', /^the attack could not be played: Error: there is no attack none-such/);
  }));
