import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestEvent } from './events.js';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
const OUTPUT_GRACE_MS = 1_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** What came of one test file. */
export interface FileResult {
  readonly passed: number;
  /** The names of the tests and hooks that failed, and what is wrong with the file as a whole. */
  readonly failures: readonly string[];
  readonly skips: readonly { readonly name: string; readonly reason: string }[];
  /** How long each test took that ended, failed ones too. */
  readonly times: readonly { readonly name: string; readonly durationMs: number }[];
  /** All that the file wrote to stdout and stderr. */
  readonly output: string;
  readonly durationMs: number;
}

/** A test file that is running. */
export interface RunningFile {
  /** Settles when the file's process and all that it started are gone; never rejects. */
  readonly result: Promise<FileResult>;
  /** The name of the test or hook that runs now. */
  current(): string;
  /** Kills its process group. */
  kill(): void;
}

/**
 * Runs one compiled test file in a process group of its own, killed after `timeoutMs` unless the file asks
 * for another limit.
 */
export function runFile(compiledPath: string, timeoutMs: number): RunningFile {
  const startedAt = performance.now();
  const child = fork(CHILD, [compiledPath], {
    detached: true,
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });

  let passed = 0;
  let current = 'loading the file';
  let currentStartedAt = startedAt;
  let isFinished = false;
  let ranOut = false;
  let limitMs = timeoutMs;
  const failures: string[] = [];
  const skips: { name: string; reason: string }[] = [];
  const times: { name: string; durationMs: number }[] = [];
  const chunks: Buffer[] = [];
  let outputBytes = 0;

  const expire = (): void => {
    ranOut = true;
    kill(child);
  };
  let timer = setTimeout(expire, limitMs);

  const record = (event: TestEvent): void => {
    if (event.kind === 'passed' || event.kind === 'failed') {
      if (event.name === current)
        times.push({ name: current, durationMs: performance.now() - currentStartedAt });
    }
    if (event.kind === 'started') {
      current = event.name;
      currentStartedAt = performance.now();
    } else if (event.kind === 'passed') passed++;
    else if (event.kind === 'failed') failures.push(event.name);
    else if (event.kind === 'skipped') skips.push({ name: event.name, reason: event.reason });
    else if (event.kind === 'finished') isFinished = true;
    else if (event.kind === 'leaked') {
      const held = event.resources.join(', ') || 'something unnamed';
      failures.push(`the process did not exit by itself after its tests: ${held} left open`);
    } else if (event.fileTimeoutMs !== undefined) {
      limitMs = event.fileTimeoutMs;
      clearTimeout(timer);
      timer = setTimeout(expire, limitMs);
    }
  };

  const result = new Promise<FileResult>((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      kill(child);
      resolve({
        passed,
        failures,
        skips,
        times,
        output: Buffer.concat(chunks).toString(),
        durationMs: performance.now() - startedAt,
      });
    };
    const collect = (chunk: Buffer): void => {
      outputBytes += chunk.length;
      if (outputBytes <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('message', record);
    child.once('error', (error) => {
      failures.push(`the process could not be started: ${error.message}`);
      settle();
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      const how = signal ? `signal ${signal}` : `exit code ${code}`;
      if (ranOut) failures.push(`${current}: the file was killed after ${limitMs} ms`);
      // What the process sent before it ended may still be on its way: the channel is read to its end first.
      const orphans = setTimeout(() => {
        failures.push('processes that the file started outlived it');
        kill(child);
      }, OUTPUT_GRACE_MS);
      child.once('close', () => {
        clearTimeout(orphans);
        if (!ranOut && !isFinished) failures.push(`${current}: the process ended in mid-run (${how})`);
        else if (!ranOut && code !== 0) failures.push(`the process ended with ${how} after its tests`);
        settle();
      });
    });
  });
  return { result, current: () => current, kill: () => kill(child) };
}

/** Kills what is left of the child's process group. */
function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
