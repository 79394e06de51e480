import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Found } from './open-image.js';

/** Opens data files that a power cut left, each with a server in another process, which the file may crash. */
export function imageOpener(folder: string): { open(image: Buffer): Promise<Found>; close(): void } {
  let child: ChildProcess | undefined;
  let count = 0;
  return {
    async open(image) {
      const cut = join(folder, String(++count));
      await mkdir(cut, { recursive: true });
      const file = join(cut, 'data.mdb');
      await writeFile(file, image);
      child ??= fork(fileURLToPath(new URL('./open-image.js', import.meta.url)), { execArgv: [] });
      const opening = child;
      const answer = new Promise<Found>((resolve) => {
        opening.once('message', (found: Found) => resolve(found));
        opening.once('exit', (code, signal) => {
          child = undefined;
          resolve({ kind: 'broken', message: `its process ended with ${signal ?? code}` });
        });
      });
      opening.send(file);
      const found = await answer;
      opening.removeAllListeners('message').removeAllListeners('exit');
      await rm(cut, { recursive: true, force: true });
      return found;
    },
    close: () => void child?.kill('SIGKILL'),
  };
}
