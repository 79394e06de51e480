import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];
process.once('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
});

/** Makes a private, empty folder under the system's temporary folder; it goes when the process exits. */
export async function tempDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'chatsessions-'));
  made.push(path);
  return path;
}
