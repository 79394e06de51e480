import { Readable } from 'node:stream';
import { runCli } from '../../src/cli/program.js';
import type { Terminal } from '../../src/cli/terminal/terminal.js';

/** What a command did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Whether a person reads what it prints. */
  readonly isTerminal?: boolean;
  /** Called with each line of its output. */
  readonly onLine?: (line: string) => void;
  /** Stops the command, as SIGINT does. */
  readonly signal?: AbortSignal;
}

/** Runs a command of the command line in this process. */
export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, stdin = '', isTerminal = false, onLine, signal = new AbortController().signal } = options;
  let [stdout, stderr] = ['', ''];
  const terminal: Terminal = {
    env,
    stdin: Readable.from([Buffer.from(stdin)]),
    isTerminal,
    showsProgress: isTerminal,
    columns: 100,
    print: (line) => {
      stdout += `${line}\n`;
      onLine?.(line);
    },
    printError: (line) => {
      stderr += `${line}\n`;
    },
    writeError: (text) => {
      stderr += text;
    },
    drained: async () => {},
    interruptible: () => signal,
  };
  const code = await runCli(args, terminal);
  return { code, stdout, stderr };
}

/** Runs commands against a running service. */
export function commandsOf(grpcTarget: string) {
  return (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
    runCommand(args, { ...options, env: { CHATSESSIONS_ADDR: grpcTarget, ...options.env } });
}
