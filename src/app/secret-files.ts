import { readFileSync } from 'node:fs';

/** The variables that hold secrets. Each can be given as a file, named by the variable with `_FILE` behind. */
export const SECRETS = [
  'MONGODB_URI',
  'SESSION_SIGNING_KEYS',
  'IDENTITY_ENCRYPTION_KEYS',
  'ENGINE_API_TOKENS',
] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** An environment in which the secrets of files stand in their own variables. */
export interface ResolvedEnvironment {
  readonly env: Environment;
  /** The names of the secrets that were read from files. */
  readonly fromFiles: ReadonlySet<string>;
  /** A sentence for each fault, without paths and contents: somebody may have put the secret in place of the path. */
  readonly problems: readonly string[];
}

/** Far more than any keyring needs, in characters. */
const MAX_SECRET = 65_536;

/** Reads the secrets that `*_FILE` variables name, once, and drops a newline at their end. Empty variables are unset. */
export function readSecretFiles(env: Environment): ResolvedEnvironment {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== '' && value !== undefined),
  );
  const secrets: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of SECRETS) {
    const path = set[`${name}_FILE`];
    if (path === undefined) continue;
    if (set[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE are both set: drop one of them`);
      continue;
    }
    try {
      const secret = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
      if (secret === '') problems.push(`${name}_FILE names an empty file`);
      else if (secret.length > MAX_SECRET) problems.push(`${name}_FILE names a file that is too large`);
      else secrets[name] = secret;
    } catch (error) {
      problems.push(`${name}_FILE cannot be read: ${codeOf(error)}`);
    }
  }
  return { env: { ...set, ...secrets }, fromFiles: new Set(Object.keys(secrets)), problems };
}

/** The error code alone: Node's message quotes the path. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
