import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { z } from 'zod';

/** The messages of the conformance suite in their JSON form, since no code is generated for them. */
const headersSchema = z
  .array(z.object({ name: z.string(), value: z.array(z.string()).default([]) }))
  .default([]);

/** One header or trailer, or one query parameter, with all its values. */
export type Headers = z.infer<typeof headersSchema>;

const errorSchema = z.object({
  code: z.string(),
  message: z.string().default(''),
  details: z.array(z.json()).default([]),
});

/** connectrpc.conformance.v1.UnaryRequest, and IdempotentUnaryRequest, which has the same members. */
export const unaryRequestSchema = z.object({
  responseDefinition: z
    .object({
      responseHeaders: headersSchema,
      responseTrailers: headersSchema,
      responseData: z.string().optional(),
      responseDelayMs: z.number().default(0),
      error: errorSchema.optional(),
    })
    .default({ responseHeaders: [], responseTrailers: [], responseDelayMs: 0 }),
});

/** connectrpc.conformance.v1.ServerCompatRequest: what the server under test is started with. */
export const serverRequestSchema = z.object({ messageReceiveLimit: z.number().default(0) });

/** Reads the descriptors that `buf build` made of the suite's proto files. */
export function readRegistry(file: string): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
}

/** A message of the suite. @throws Error when the suite has none of this name */
export function messageOf(registry: FileRegistry, name: string): DescMessage {
  const found = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (!found) throw new Error(`the conformance suite has no message ${name}`);
  return found;
}

/** ConformanceService. */
export function serviceOf(registry: FileRegistry): DescService {
  const found = registry.getService('connectrpc.conformance.v1.ConformanceService');
  if (!found) throw new Error('the conformance suite has no ConformanceService');
  return found;
}
