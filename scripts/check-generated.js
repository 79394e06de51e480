// Fails when regenerating src/gen changes it: what is committed is what the proto files say.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const digest = () => {
  const hash = createHash('sha256');
  const files = readdirSync('src/gen', { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  for (const file of files.map((e) => join(e.parentPath, e.name)).sort()) {
    hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
};

const before = digest();
execFileSync('npm', ['run', '--silent', 'generate'], { stdio: 'inherit' });
if (digest() !== before) {
  console.error('src/gen was not what the proto files generate. It is now: commit it.');
  process.exit(1);
}
