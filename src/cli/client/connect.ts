import { readFile } from 'node:fs/promises';
import { createRegistry, type Message, toJson } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { type ChannelCredentials, credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import { isEngineToken } from '../../callers/engine-token.js';
import { Catalog, file_chatsessions_v1_catalog } from '../../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import {
  ChatSessions,
  file_chatsessions_v1_chat_sessions,
} from '../../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { file_chatsessions_v1_conversation } from '../../gen/protobuf-es/chatsessions/v1/conversation_pb.js';
import { CliFailure, usageFailure } from '../failure.js';
import type { ConnectionOptions } from '../options.js';
import { grpcTransport } from './transport.js';

/** Both services of a running ChatSessions, as typed clients. */
export interface Api {
  readonly catalog: Client<typeof Catalog>;
  readonly chat: Client<typeof ChatSessions>;
  close(): void;
}

/** A tenant with 200 flows of the longest texts is an answer of some 5 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const DEFAULT_ADDRESS = '127.0.0.1:50051';
const DEFAULT_TIMEOUT_S = 30;

type Environment = Readonly<Record<string, string | undefined>>;

/** Opens a connection by the options of a command and the environment. @throws CliFailure for files that cannot be used */
export async function connect(options: ConnectionOptions, env: Environment): Promise<Api> {
  const address = options.addr ?? (env['CHATSESSIONS_ADDR'] || DEFAULT_ADDRESS);
  const token = await readToken(options, env);
  const client = new GrpcClient(address, await readCredentials(options, env), {
    'grpc.enable_http_proxy': 0,
    'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
  });
  const metadata = () => {
    const made = new Metadata();
    if (token !== undefined) made.set('authorization', `Bearer ${token}`);
    return made;
  };
  const transport = grpcTransport(client, { address, metadata });
  return {
    catalog: createClient(Catalog, transport),
    chat: createClient(ChatSessions, transport),
    close: () => client.close(),
  };
}

/** The time limit of a call in ms. */
export function timeoutOf({ timeout = DEFAULT_TIMEOUT_S }: ConnectionOptions): number {
  return timeout * 1_000;
}

const registry = createRegistry(
  file_chatsessions_v1_catalog,
  file_chatsessions_v1_chat_sessions,
  file_chatsessions_v1_conversation,
);

/** The JSON of an answer, as proto3 JSON with every member that has no presence: scripts need not guess. */
export function answerJson(message: Message): unknown {
  const schema = registry.getMessage(message.$typeName);
  if (schema === undefined) throw new Error(`${message.$typeName} is no message of the service`);
  return toJson(schema, message, { registry, alwaysEmitImplicit: true });
}

/** The engine token: from a file or the environment, never an argument, because the process list shows arguments. */
async function readToken({ tokenFile }: ConnectionOptions, env: Environment): Promise<string | undefined> {
  const file = tokenFile ?? (env['CHATSESSIONS_TOKEN_FILE'] || undefined);
  const token = file === undefined ? env['CHATSESSIONS_TOKEN'] : await readText('--token-file', file);
  if (!token) return undefined;
  const trimmed = token.trim();
  if (isEngineToken(trimmed)) return trimmed;
  throw usageFailure(
    `${file ?? 'CHATSESSIONS_TOKEN'} holds no engine token: 16 to 4096 printable ASCII characters`,
  );
}

async function readCredentials(options: ConnectionOptions, env: Environment): Promise<ChannelCredentials> {
  const ca = options.tlsCa ?? (env['CHATSESSIONS_TLS_CA'] || undefined);
  const cert = options.tlsCert ?? (env['CHATSESSIONS_TLS_CERT'] || undefined);
  const key = options.tlsKey ?? (env['CHATSESSIONS_TLS_KEY'] || undefined);
  if ((cert === undefined) !== (key === undefined))
    throw usageFailure('--tls-cert and --tls-key go together');
  if (!options.tls && ca === undefined && cert === undefined) return credentials.createInsecure();
  const read = async (name: string, file: string | undefined) =>
    file === undefined ? null : Buffer.from(await readText(name, file));
  try {
    return credentials.createSsl(
      await read('--tls-ca', ca),
      await read('--tls-key', key),
      await read('--tls-cert', cert),
    );
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw usageFailure(
      `the TLS files cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Reads a text file that an option names. @throws CliFailure */
async function readText(option: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw usageFailure(`${option}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
