import { SCOPES } from '../rpc/call.js';
import { type KnownCaller, tokenDigest } from './authenticate.js';
import { parseCallersFile } from './callers-file.js';
import { hashOfToken } from './engine-token.js';

/** The configuration of engine callers. */
export interface KnownCallersOptions {
  /** The callers of ENGINE_API_TOKENS: they have all scopes for all tenants. */
  readonly tokens: readonly { readonly name: string; readonly token: string }[];
  /** The callers file, when there is one. */
  readonly file?: { readonly fileName: string; readonly text: string } | undefined;
  /** Whether the gRPC server requests client certificates. */
  readonly asksForCertificates: boolean;
}

/**
 * Combines the engine callers of ENGINE_API_TOKENS and of the callers file.
 *
 * @throws {YamlFileError} with all faults of the callers file
 */
export function knownCallers({ tokens, file, asksForCertificates }: KnownCallersOptions): KnownCaller[] {
  const scopes = new Set(SCOPES);
  const fromTokens = tokens.map(({ name, token }) => {
    return { name, scopes, tenants: 'all', tokenDigests: [tokenDigest(token)] } as const;
  });
  const context = {
    takenNames: tokens.map(({ name }) => name),
    takenHashes: tokens.map(({ token }) => hashOfToken(token)),
    asksForCertificates,
  };
  const fromFile = file ? parseCallersFile(file.text, { fileName: file.fileName, ...context }) : [];
  return [...fromTokens, ...fromFile];
}
