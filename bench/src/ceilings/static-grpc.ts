/**
 * The ceiling of gRPC, a process of its own: a grpc-js server that answers every call of one unary RPC with the same
 * bytes, and neither decodes nor encodes. `RPC_PATH` is `/package.Service/Method`, `ANSWER` the bytes in base64.
 */
import { Server, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';

const path = process.env['RPC_PATH'] ?? '';
const answer = Buffer.from(process.env['ANSWER'] ?? '', 'base64');
const same = (bytes: Buffer) => bytes;
const serve: UntypedHandleCall = (_call: unknown, callback: (error: null, answer: Buffer) => void) =>
  callback(null, answer);

const server = new Server();
server.addService(
  {
    [path]: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { [path]: serve },
);
process.once('SIGTERM', () => server.forceShutdown());
process.once('disconnect', () => server.forceShutdown());
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ grpc: `127.0.0.1:${port}` });
});
