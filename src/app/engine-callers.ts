import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { KnownCaller } from '../callers/authenticate.js';
import { knownCallers } from '../callers/known-callers.js';
import { YamlFileError } from '../yaml/yaml-file.js';
import type { Config } from './config.js';
import { messageOf, StartError } from './start-error.js';
import { readText } from './text-file.js';

/** Reads the engine callers from ENGINE_API_TOKENS and ENGINE_CALLERS_FILE. @throws StartError */
export async function readEngineCallers(config: Config): Promise<readonly KnownCaller[]> {
  const { ENGINE_API_TOKENS: tokens = [], ENGINE_CALLERS_FILE: fileName, GRPC_TLS_CLIENT_CA } = config;
  const file =
    fileName === undefined ? undefined : { fileName, text: await readText('ENGINE_CALLERS_FILE', fileName) };
  try {
    return knownCallers({ tokens, file, asksForCertificates: GRPC_TLS_CLIENT_CA !== undefined });
  } catch (error) {
    if (error instanceof YamlFileError) throw new StartError(error.message);
    throw error;
  }
}

/** Reads the TLS files of the gRPC server. @throws StartError when one of them is missing or invalid */
export async function readGrpcCredentials(config: Config): Promise<ServerCredentials> {
  const { GRPC_TLS_CERT, GRPC_TLS_KEY, GRPC_TLS_CLIENT_CA } = config;
  if (GRPC_TLS_CERT === undefined || GRPC_TLS_KEY === undefined) return ServerCredentials.createInsecure();
  const cert = await readPem('GRPC_TLS_CERT', GRPC_TLS_CERT, (pem) => new X509Certificate(pem));
  const key = await readPem('GRPC_TLS_KEY', GRPC_TLS_KEY, (pem) => createSecureContext({ cert, key: pem }));
  const ca =
    GRPC_TLS_CLIENT_CA === undefined
      ? null
      : await readPem('GRPC_TLS_CLIENT_CA', GRPC_TLS_CLIENT_CA, (pem) => new X509Certificate(pem));
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
}

/** Reads a PEM file and parses it, so that an invalid file is found at start and not at the first TLS handshake. */
async function readPem(name: string, path: string, parse: (pem: Buffer) => unknown): Promise<Buffer> {
  try {
    const pem = await readFile(path);
    parse(pem);
    return pem;
  } catch (error) {
    throw new StartError(`${name} ${path} cannot be used: ${messageOf(error)}`);
  }
}
