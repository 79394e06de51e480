import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/app/config.js';
import { whyNoDemo } from '../../src/app/demo.js';

const test = suite('demo tenant');

const KEYS = `a:${Buffer.alloc(32, 7).toString('base64')}`;
const TOKENS = 'agent:0123456789abcdef';
const CASES: readonly (readonly [env: Readonly<Record<string, string>>, why: string | undefined])[] = [
  [{}, undefined],
  [{ NODE_ENV: 'test', HTTP_ADDR: '[::1]:8080', ENGINE_API_TOKENS: TOKENS }, undefined],
  [
    { NODE_ENV: 'production', MONGODB_URI: 'mongodb://h/', SESSION_SIGNING_KEYS: KEYS },
    'NODE_ENV is production',
  ],
  [{ MONGODB_URI: 'mongodb://h/' }, 'MONGODB_URI is set'],
  [{ SESSION_SIGNING_KEYS: KEYS }, 'SESSION_SIGNING_KEYS is set'],
  [{ HTTP_ADDR: '0.0.0.0:8080' }, 'HTTP_ADDR is reachable from other machines'],
  [{ GRPC_ADDR: '[::]:50051', ENGINE_API_TOKENS: TOKENS }, 'GRPC_ADDR is reachable from other machines'],
];
for (const [env, why] of CASES) {
  test(`${Object.keys(env).join(', ') || 'nothing set'}: ${why ?? 'served'}`, () =>
    assert.is(whyNoDemo(readConfig(env)), why));
}
