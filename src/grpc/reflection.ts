import { readFile } from 'node:fs/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { boundHandler } from './bounded-handler.js';

/** The paths of the reflection service in both of its versions. */
export const REFLECTION_PATHS: readonly string[] = ['v1', 'v1alpha'].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);
/**
 * The most bytes of all requests of one stream. A request has some 50, and each costs up to 1 KB until its answer is
 * read; a client that needs more opens another stream.
 */
export const REFLECTION_BYTES = 16 * 1024;

/** The most streams of each version that are open at once. */
const MAX_OPEN = 16;

/** The descriptor set that `npm start` and `npm run build` write, seen from this file in dist/src/grpc. */
const DESCRIPTOR_SET = new URL('../../chatsessions.binpb', import.meta.url);

/** Reads the descriptor set. @returns its files, each a FileDescriptorProto; undefined when it was not built */
export async function readDescriptorSet(): Promise<readonly Buffer[] | undefined> {
  const bytes = await readFile(DESCRIPTOR_SET).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const { file } = fromBinary(FileDescriptorSetSchema, bytes);
  return file.map((one) => Buffer.from(toBinary(FileDescriptorProtoSchema, one)));
}

/**
 * Adds the reflection service to a server: `files` describe `services`, with all that they import. The library gets the
 * files as they are, since it cannot describe google.protobuf.Struct when it loads them itself.
 */
export function addReflection(
  server: Server,
  { files, services }: { readonly files: readonly Buffer[]; readonly services: readonly string[] },
): void {
  const reflection = new ReflectionService(
    {
      all: {
        format: 'Protocol Buffer 3 DescriptorProto',
        type: {},
        fileDescriptorProtos: [...files],
      },
    },
    { services: [...services] },
  );
  reflection.addToServer({
    addService(definition, { ServerReflectionInfo: handler }) {
      if (!handler) throw new Error('@grpc/reflection has other RPCs');
      server.addService(definition, { ServerReflectionInfo: boundHandler(handler, MAX_OPEN) });
    },
  });
}
