import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tempDir } from '@chatsessions/test-harness';
import { repoFile } from './repo-file.js';

/** `npm start` as a process of its own, without the build. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  /** The empty folder that it was started in. */
  readonly cwd: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** Resolves with what matched once its output has it; rejects when it exits before. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts the service on free ports and a folder of its own, with `env` on top, `args` behind, and options of node.
 *
 * @param stderr a file descriptor that its standard error goes to instead of being kept
 */
export async function startService(
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
  stderr: 'pipe' | number = 'pipe',
): Promise<ServiceProcess> {
  const cwd = await tempDir();
  const child = spawn(process.execPath, [...execArgv, repoFile('dist/src/main.js'), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HTTP_ADDR: '127.0.0.1:0', GRPC_ADDR: '127.0.0.1:0', ...env },
    stdio: ['ignore', 'pipe', stderr],
  });
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
  return { child, cwd, stdout: () => output.stdout, stderr: () => output.stderr, exited, printed };
}

/** The gateway's base address, once the service is up. */
export async function httpUrlOf(service: ServiceProcess): Promise<string> {
  const [, url = ''] = await service.printed(/HTTP and Connect {2}(\S+)\n/);
  return url;
}
