import { z } from 'zod';
import { errorTable } from '../../src/rpc/errors.js';
import type { CaseFile } from './case.js';

const texts = z.array(z.string());
const record = z.record(z.string(), z.unknown());
const textRecord = z.record(z.string(), z.string());
const transport = z.enum(['public path', 'Connect JSON', 'Connect binary', 'Connect GET', 'gRPC']);

const expectation = {
  violations: texts.exactOptional(),
  rules: texts.exactOptional(),
  details: textRecord.exactOptional(),
  body: z.unknown().exactOptional(),
  members: record.exactOptional(),
};
const headers = z.record(z.string(), z.string().nullable()).exactOptional();
const errorCode = z.enum(Object.keys(errorTable) as [keyof typeof errorTable]);

const step = {
  rpc: z.string().exactOptional(),
  over: transport.exactOptional(),
  request: record.exactOptional(),
  rawBody: z.string().exactOptional(),
  rawBodyBase64: z.base64().exactOptional(),
  rawMessageBase64: z.base64().exactOptional(),
  session: z.string().nullable().exactOptional(),
  forge: z
    .strictObject({
      header: record.exactOptional(),
      claims: record.exactOptional(),
      shift: z.record(z.string(), z.number()).exactOptional(),
      signature: z.enum(['keep', 'none', 'another secret']).exactOptional(),
    })
    .exactOptional(),
  headers: z.record(z.string(), z.union([z.string(), texts])).exactOptional(),
  origin: z.string().nullable().exactOptional(),
  contentType: z.string().exactOptional(),
  gzip: z.boolean().exactOptional(),
  method: z.string().exactOptional(),
  query: z.string().exactOptional(),
  connectQuery: z.string().exactOptional(),
  answer: z.strictObject({ ...expectation, headers, error: errorCode.exactOptional() }).exactOptional(),
  chat: z
    .strictObject({
      ...expectation,
      headers,
      status: z.union([z.int(), z.array(z.int())]).exactOptional(),
      error: z.union([z.string(), texts]).exactOptional(),
    })
    .exactOptional(),
  engine: z
    .strictObject({ ...expectation, code: z.string(), reason: z.string().exactOptional() })
    .exactOptional(),
  sameSession: z.boolean().exactOptional(),
  save: textRecord.exactOptional(),
  after: z.number().exactOptional(),
};

/** The format of a table: the types of case.ts as a schema that refuses unknown fields. */
export const tableSchema: z.ZodType<CaseFile> = z
  .strictObject({
    env: textRecord.exactOptional(),
    rpc: z.string().exactOptional(),
    origin: z.string().exactOptional(),
    over: transport.exactOptional(),
    open: z.strictObject(step).exactOptional(),
    shared: record.exactOptional(),
    cases: z
      .array(
        z.strictObject({
          name: z.string(),
          ...step,
          open: z.strictObject(step).nullable().exactOptional(),
          // biome-ignore lint/suspicious/noThenProperty: the steps that follow a row's first; nobody awaits a row.
          then: z.array(z.strictObject(step)).exactOptional(),
        }),
      )
      .min(1),
  })
  .transform(({ shared: _, ...table }) => table);
