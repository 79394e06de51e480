import type { Message } from '@bufbuild/protobuf';
import type { Api } from './client/connect.js';
import type { ConnectionOptions } from './options.js';
import type { Terminal } from './terminal/terminal.js';

/** What a command works with. */
export interface Context extends Terminal {
  /** Sets the exit code of a command that did its work and has bad news. */
  readonly exitWith: (code: number) => void;
}

/** A connected command: the clients, and ways to print. */
export interface Remote extends Api {
  /** Prints an answer: as JSON with `--json`, else as `text`. */
  readonly answer: (message: Message, text: () => string) => void;
  /** The JSON of a message. */
  readonly toJson: (message: Message) => unknown;
  /** The time limit of a call in ms. */
  readonly timeoutMs: number;
  /** Aborted when the command shall stop. */
  readonly signal: AbortSignal;
  /** The options of a call. */
  readonly call: { readonly timeoutMs: number; readonly signal: AbortSignal };
}

/** Runs a command against a running service. The client is loaded here, so that `--help` does not load it. */
export async function remote(
  context: Context,
  options: ConnectionOptions,
  run: (remote: Remote) => Promise<void>,
): Promise<void> {
  const { answerJson, connect, timeoutOf } = await import('./client/connect.js');
  const api = await connect(options, context.env);
  const signal = context.interruptible();
  const timeoutMs = timeoutOf(options);
  try {
    await run({
      ...api,
      answer: (message, text) =>
        context.print(options.json ? JSON.stringify(answerJson(message), null, 2) : text()),
      toJson: answerJson,
      timeoutMs,
      signal,
      call: { timeoutMs, signal },
    });
  } finally {
    api.close();
  }
}
