import { text } from 'node:stream/consumers';
import { hashOfToken, isEngineToken, newEngineToken } from '../callers/engine-token.js';

/**
 * Prints a new engine token and, on the next line, its hash. The explanation for people goes to `explain` (standard
 * error), so that a script can read both lines.
 */
export function engineToken(deps: {
  readonly randomBytes: (size: number) => Buffer;
  readonly print: (text: string) => void;
  readonly explain: (text: string) => void;
}): void {
  const token = newEngineToken(deps.randomBytes);
  deps.explain(
    'The token, shown this once, is for the service; its hash goes into tokenHashes of the callers file.',
  );
  deps.print(`${token}\n${hashOfToken(token)}`);
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
