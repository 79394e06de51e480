/**
 * The server under test of the Connect conformance suite, which starts it: ConformanceService on the edge and the
 * pipeline of the service. Its argument is the descriptor set of the suite's proto files.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { endpointsOf } from '../../src/gateway/connect.js';
import { createGateway } from '../../src/gateway/gateway.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { createPipeline } from '../../src/rpc/invoke.js';
import { createLog } from '../../src/telemetry/log.js';
import { elapsed } from '../../src/time/elapsed.js';
import { messageOf, readRegistry, serverRequestSchema } from './messages.js';
import { observable } from './observed-call.js';
import { conformanceRpcs } from './service.js';

const HOST = '127.0.0.1';
const MAX_CALL_MS = 10_000;

const registry = readRegistry(process.argv[2] ?? '');
const { messageReceiveLimit } = await readStart();
const callLog = createCallLog(createLog('silent', process.stderr), elapsed);
const gateway = createGateway({
  endpoints: conformanceRpcs(registry).flatMap((rpc) => endpointsOf(rpc, registry).map(observable)),
  pipeline: createPipeline({ authenticate: () => undefined, maxCallMs: MAX_CALL_MS, callLog }),
  callLog,
  newRequestId: randomUUID,
  elapsed,
  ...(messageReceiveLimit > 0 && { maxRequestBytes: messageReceiveLimit }),
});
writeStarted(await gateway.listen(HOST, 0));
await once(process, 'SIGTERM');
await gateway.close(MAX_CALL_MS);

/** Reads how to start from standard input: one message behind its length in four bytes. */
async function readStart() {
  let input = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    input = Buffer.concat([input, chunk]);
    if (input.length >= 4 && input.length >= 4 + input.readUInt32BE()) break;
  }
  const desc = messageOf(registry, 'ServerCompatRequest');
  return serverRequestSchema.parse(toJson(desc, fromBinary(desc, input.subarray(4))));
}

/** Tells the suite where the server listens, in the same form. */
function writeStarted(port: number): void {
  const desc = messageOf(registry, 'ServerCompatResponse');
  const message = toBinary(desc, fromJson(desc, { host: HOST, port }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([length, message]));
}
