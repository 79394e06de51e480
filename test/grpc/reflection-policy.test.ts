import { connect } from 'node:http2';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startService } from '../harness/service-process.js';
import { callByHand, message } from './rig.js';

const test = suite('who gets gRPC reflection');

const CALLERS = { ENGINE_API_TOKENS: 'a:0123456789abcdef0123' };
/** ServerReflectionRequest with list_services. */
const LIST = message(Buffer.from([58, 1, 42]));

const rows = [
  ['an open engine surface: on', {}, '0'],
  ['engine callers: off', CALLERS, '12'],
  ['engine callers and GRPC_REFLECTION=true: on', { ...CALLERS, GRPC_REFLECTION: 'true' }, '0'],
  ['GRPC_REFLECTION=false: off', { GRPC_REFLECTION: 'false' }, '12'],
] as const;
for (const [name, env, status] of rows) {
  test(name, async () => {
    const service = await startService(env);
    const [, target = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
    const session = connect(`http://${target}`);
    const headers = { ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' };
    assert.is((await callByHand(session, [LIST], { headers })).status, status);
    session.destroy();
    service.child.kill('SIGTERM');
    await service.exited;
  });
}
