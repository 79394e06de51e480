// Fails when a change of the proto files breaks clients of the main branch (buf.yaml says what counts as breaking), unless
// CHANGELOG.md has a new line that begins with "- **Breaking:**".
// Where the checkout has no main branch, as with a shallow clone of a tag, it says so and passes.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const git = (...args) => spawnSync('git', args, { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 });
const main = ['origin/main', 'main'].find((ref) => git('rev-parse', '--verify', '--quiet', ref).status === 0);

if (main === undefined)
  console.log('skipped: buf breaking (this checkout has no main branch to compare with)');
else compareWith(main);

function compareWith(ref) {
  const folder = mkdtempSync(join(tmpdir(), 'chatsessions-proto-'));
  try {
    const { stdout: archive } = git('archive', ref, 'proto', 'buf.yaml');
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const image = join(folder, 'main.binpb');
    execFileSync('buf', ['build', 'proto', '-o', image], { cwd: folder, stdio: 'inherit' });
    const { status } = spawnSync('buf', ['breaking', 'proto', '--against', image, '--exclude-imports'], {
      stdio: 'inherit',
    });
    if (status !== 0 && isAnnounced(ref))
      console.log('These changes are announced as breaking in CHANGELOG.md.');
    else process.exitCode = status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isAnnounced(ref) {
  return /^\+- \*\*Breaking:\*\*/m.test(git('diff', ref, '--', 'CHANGELOG.md').stdout.toString());
}
