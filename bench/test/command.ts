import { execFile } from 'node:child_process';
import { repoFile } from '../src/repo-file.js';

/** How a command ended. */
export interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run bench -- …args` without the build, and without MONGODB_URI unless `env` has one. */
export function bench(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const { MONGODB_URI: _, ...others } = process.env;
    const options = { env: { ...others, ...env }, maxBuffer: 1 << 24 };
    const file = repoFile('bench/dist/src/main.js');
    execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}
