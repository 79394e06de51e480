// `npm ci` refuses a lockfile that lacks an optional package of another platform, and some registries do not serve
// those, so that `npm install` leaves them out. This fails when one is missing; `--fix` writes the entry that a
// complete registry would have given it, less the integrity that only the package itself can tell.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package-lock.json';
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'sunos', 'win32'];
const PROCESSORS = {
  arm: 'arm',
  arm64: 'arm64',
  armv7: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  s390x: 's390x',
  x64: 'x64',
};

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const missing = [];
for (const { dev, optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const path = `node_modules/${name}`;
    if (lock.packages[path]) continue;
    missing.push(`${name}@${version}`);
    const words = name.split(/[/-]/);
    lock.packages[path] = {
      version,
      cpu: words.flatMap((word) => PROCESSORS[word] ?? []),
      ...(dev && { dev }),
      ...(words.includes('musl') && { libc: ['musl'] }),
      optional: true,
      os: words.filter((word) => SYSTEMS.includes(word)),
    };
  }
}

if (missing.length > 0 && process.argv.includes('--fix')) {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`added ${missing.length} optional packages to ${FILE}`);
} else if (missing.length > 0) {
  console.error(`${FILE} lacks ${missing.join(', ')}: run node scripts/check-lockfile.js --fix`);
  process.exit(1);
}
