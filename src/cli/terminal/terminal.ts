import { once, setMaxListeners } from 'node:events';

/** What a command reads and writes: the process's own streams, or a test's. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Whether standard output is a terminal: a person reads it. */
  readonly isTerminal: boolean;
  /** Whether standard error is a terminal, which can show progress. */
  readonly showsProgress: boolean;
  /** The width of the terminal in columns. */
  readonly columns: number;
  /** Writes a line to standard output. */
  readonly print: (line: string) => void;
  /** Writes a line to standard error. */
  readonly printError: (line: string) => void;
  /** Writes to standard error as it is. */
  readonly writeError: (text: string) => void;
  /** Resolves when standard output takes more: streams wait for it. */
  readonly drained: () => Promise<void>;
  /** Makes SIGINT and SIGTERM abort the signal, as does an output that nobody reads any more (`| head`). */
  readonly interruptible: () => AbortSignal;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process;
  const ending = new AbortController();
  // Each call in flight listens to it.
  setMaxListeners(0, ending.signal);
  // Without a listener EPIPE is thrown. A closed output ends a command, and never the service.
  stdout.on('error', () => ending.abort());
  stderr.on('error', () => {});
  return {
    env,
    stdin,
    isTerminal: stdout.isTTY === true,
    showsProgress: stderr.isTTY === true && env['TERM'] !== 'dumb',
    columns: stdout.columns ?? 80,
    print: (line) => void stdout.write(`${line}\n`),
    printError: (line) => void stderr.write(`${line}\n`),
    writeError: (text) => void stderr.write(text),
    async drained() {
      if (stdout.writableNeedDrain && !ending.signal.aborted)
        await once(stdout, 'drain', { signal: ending.signal }).catch(() => {});
    },
    interruptible() {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());
      return ending.signal;
    },
  };
}
