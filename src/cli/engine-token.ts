import { text } from 'node:stream/consumers';
import { hashOfToken, isEngineToken, newEngineToken } from '../callers/engine-token.js';

/** Makes an engine token, with its hash for the callers file. */
export function engineToken({ randomBytes }: { readonly randomBytes: (size: number) => Buffer }): {
  readonly token: string;
  readonly hash: string;
} {
  const token = newEngineToken(randomBytes);
  return { token, hash: hashOfToken(token) };
}

/**
 * Prints the hash of the token on standard input. It is not an argument, because the process list shows arguments.
 *
 * @returns the exit code
 */
export async function engineTokenHash(deps: {
  readonly input: NodeJS.ReadableStream;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}): Promise<number> {
  const token = (await text(deps.input)).replace(/\r?\n$/, '');
  if (!isEngineToken(token)) {
    deps.printError(
      'chatsessions: standard input must be one token: 16 to 4096 printable ASCII characters, no space and no comma',
    );
    return 1;
  }
  deps.print(hashOfToken(token));
  return 0;
}
