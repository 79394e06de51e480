import { isInstalled } from '@chatsessions/test-harness';
import { ghz } from './ghz.js';
import type { GrpcLoad } from './grpc.js';
import { ownGrpcLoad } from './own-grpc.js';

/** `ghz` where it is on the PATH, since it takes a third of the CPU time; else a grpc-js client. */
export async function grpcLoad(): Promise<GrpcLoad> {
  return isInstalled('ghz') ? ghz() : ownGrpcLoad();
}
