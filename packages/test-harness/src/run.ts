/** The test runner: see USAGE. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { type FileResult, type RunningFile, runFile } from './run-file.js';

const USAGE = `Usage: npm test -- [options] [filter ...]

Runs the compiled form of every test/**/*.test.ts of the root and of its workspaces, each in a process of its own;
those of test/crash and test/abuse, which are slow, only when a filter names them (npm run test:crash). With
filters, only files whose path contains one of them.

Options:
  --root <dir>   the project to test (default: this one)
  --help         this text

Environment:
  TEST_CONCURRENCY       files that run at a time (default 2)
  TEST_FILE_TIMEOUT_MS   how long a file may take (default 120000)

The last line is "N passed, N failed", with ", N skipped" when there are skips. The exit code is 1 when
anything failed or nothing ran.
`;
/** Folders whose tests run only when they are asked for. */
const APART = [join('test', 'crash'), join('test', 'abuse')];
const PROGRESS_INTERVAL_MS = 15_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { root: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) process.stdout.write(USAGE);
else
  process.exitCode = await runAll(
    resolve(values.root ?? join(import.meta.dirname, '../../../..')),
    positionals,
  );

async function runAll(root: string, filters: readonly string[]): Promise<number> {
  const files = (await testFiles(root)).filter((path) =>
    filters.length === 0 ? !isApart(path) : filters.some((filter) => path.includes(filter)),
  );
  if (filters.length === 0 && APART.some((folder) => existsSync(join(root, folder)))) {
    console.log(`${APART.join(' and ')} run apart: npm run test:crash`);
  }
  if (files.length === 0) console.log(`no test file matches: ${filters.join(' ') || 'test/**/*.test.ts'}`);

  const timeoutMs = positive('TEST_FILE_TIMEOUT_MS', 120_000);
  const running = new Map<string, RunningFile>();
  const killAll = (): void => {
    for (const { kill } of running.values()) kill();
  };
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));

  const results = new Map<string, FileResult>();
  let spokeAt = performance.now();
  const progress = setInterval(() => {
    if (performance.now() - spokeAt < PROGRESS_INTERVAL_MS) return;
    const now = [...running].map(([file, { current }]) => `${file} (${current()})`);
    console.log(`… ${results.size} of ${files.length} files done; at ${now.join(', ')}`);
  }, PROGRESS_INTERVAL_MS);

  const waiting = files.values();
  const work = async (): Promise<void> => {
    for (const file of waiting) {
      const result = await runOne(root, file, timeoutMs, running);
      running.delete(file);
      results.set(file, result);
      spokeAt = performance.now();
      print(file, result);
    }
  };
  await Promise.all(Array.from({ length: positive('TEST_CONCURRENCY', 2) }, work));
  clearInterval(progress);
  return summarise(results);
}

/** The test files of the root and of its workspaces, by their paths from the root. */
async function testFiles(root: string): Promise<string[]> {
  const packages = existsSync(join(root, 'packages')) ? await readdir(join(root, 'packages')) : [];
  const folders = ['', 'bench', ...packages.map((name) => join('packages', name))]
    .map((workspace) => join(workspace, 'test'))
    .filter((folder) => existsSync(join(root, folder)));
  const found = await Promise.all(
    folders.map(async (folder) => {
      const paths = await readdir(join(root, folder), { recursive: true });
      return paths.filter((path) => path.endsWith('.test.ts')).map((path) => join(folder, path));
    }),
  );
  return found.flat().sort();
}

/** The compiled form of a test file: `dist` stands beside the `test` folder. */
function compiledPath(file: string): string {
  return file.replace(/(^|\/)test\//, '$1dist/test/').replace(/\.ts$/, '.js');
}

function isApart(path: string): boolean {
  return APART.some((folder) => `${sep}${path}`.includes(`${sep}${folder}${sep}`));
}

async function runOne(
  root: string,
  file: string,
  timeoutMs: number,
  running: Map<string, RunningFile>,
): Promise<FileResult> {
  const compiled = join(root, compiledPath(file));
  if (!existsSync(compiled)) {
    return { passed: 0, failures: ['the compiled file is missing'], skips: [], output: '', durationMs: 0 };
  }
  const at = runFile(compiled, timeoutMs);
  running.set(file, at);
  return await at.result;
}

function print(file: string, { passed, failures, skips, output, durationMs }: FileResult): void {
  const failed = failures.length > 0 ? `, ${failures.length} failed` : '';
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : '';
  const mark = failures.length > 0 ? '✘' : '✔';
  console.log(`${mark} ${file}: ${passed} passed${failed}${skipped} in ${(durationMs / 1000).toFixed(1)} s`);
  process.stdout.write(output);
  for (const { name, reason } of skips) console.log(`  skipped: ${name} (${reason})`);
  for (const failure of failures) console.log(`  failed: ${failure}`);
}

function summarise(results: ReadonlyMap<string, FileResult>): number {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const [file, result] of results) {
    passed += result.passed;
    failed += result.failures.length;
    skipped += result.skips.length;
    for (const failure of result.failures) console.log(`✘ ${file}: ${failure}`);
  }
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function positive(variable: string, fallback: number): number {
  const value = Number(process.env[variable] ?? fallback);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${variable} must be a whole number above 0`);
  return value;
}
