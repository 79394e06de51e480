import { SCOPES } from '../rpc/call.js';
import { type KnownCaller, tokenDigest } from './authenticate.js';
import { parseCallersFile } from './callers-file.js';
import { hashOfToken } from './engine-token.js';

/** What configuration says of engine callers. */
export interface KnownCallersDeps {
  /** Tokens of callers that may do everything, for all tenants. */
  readonly tokens: readonly { readonly name: string; readonly token: string }[];
  /** The callers file, when there is one. */
  readonly file?: { readonly fileName: string; readonly text: string } | undefined;
  /** Whether gRPC asks its clients for certificates. */
  readonly asksForCertificates: boolean;
}

/**
 * Everybody who may call the engine surface.
 *
 * @throws {YamlFileError} with every fault of the callers file
 */
export function knownCallers({ tokens, file, asksForCertificates }: KnownCallersDeps): KnownCaller[] {
  const scopes = new Set(SCOPES);
  const mayDoAll = tokens.map(({ name, token }) => {
    return { name, scopes, tenants: 'all', tokenDigests: [tokenDigest(token)] } as const;
  });
  const context = {
    takenNames: tokens.map(({ name }) => name),
    takenHashes: tokens.map(({ token }) => hashOfToken(token)),
    asksForCertificates,
  };
  const fromFile = file ? parseCallersFile(file.text, { fileName: file.fileName, ...context }) : [];
  return [...mayDoAll, ...fromFile];
}
