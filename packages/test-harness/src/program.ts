import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A Node.js program in a process of its own, and what it has printed. */
export interface Program {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** Resolves with the match once its standard output matches; rejects when it exits before. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>;
}

/** Where and how a program is started. */
export interface ProgramOptions {
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** A file descriptor that standard error goes to; it is kept for `stderr()` unless set. */
  readonly stderr?: 'pipe' | number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts `node` with these arguments: its options, the program's file, the program's arguments. A program that still
 * runs when this process exits is killed.
 */
export function startProgram(
  args: readonly string[],
  { cwd, env, stderr = 'pipe' }: ProgramOptions,
): Program {
  const child = spawn(process.execPath, [...args], { cwd, env, stdio: ['ignore', 'pipe', stderr] });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const exited = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return code ?? signal;
  });

  const printed = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output.stdout);
        if (match) resolve(match);
      };
      child.stdout?.on('data', look);
      look();
      exited.then((code) => reject(new Error(`exited with ${code}:\n${output.stdout}\n${output.stderr}`)));
    });
  return { child, stdout: () => output.stdout, stderr: () => output.stderr, exited, printed };
}
