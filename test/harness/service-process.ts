import { type Program, startProgram, tempDir } from '@chatsessions/test-harness';
import { repoFile } from './repo-file.js';

/** `npm start` as a process of its own, without the build. */
export interface ServiceProcess extends Program {
  /** The empty folder that it was started in. */
  readonly cwd: string;
}

/**
 * Starts the service on free ports and a folder of its own, with `env` on top, and `args` behind.
 *
 * @param stderr a file descriptor for its standard error; it is kept for `stderr()` unless set
 */
export async function startService(
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
  stderr: 'pipe' | number = 'pipe',
): Promise<ServiceProcess> {
  const cwd = await tempDir();
  const program = startProgram([repoFile('dist/src/main.js'), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HTTP_ADDR: '127.0.0.1:0', GRPC_ADDR: '127.0.0.1:0', ...env },
    stderr,
  });
  return { ...program, cwd };
}

/** The gateway's base address, once the service is up. */
export async function httpUrlOf(service: ServiceProcess): Promise<string> {
  const [, url = ''] = await service.printed(/HTTP and Connect {2}(\S+)\n/);
  return url;
}
