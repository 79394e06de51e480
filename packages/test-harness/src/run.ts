/** The test runner's command line: see USAGE. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitOnSignals } from './exit-on-signals.js';
import { printFile, printSummary } from './print.js';
import { type FileResult, type RunningFile, runFile } from './run-file.js';
import { compiledPath, selectFiles } from './test-files.js';

const USAGE = `Usage: npm test -- [options] [filter ...]

Runs the compiled form of every test/**/*.test.ts of the root and of its workspaces, each in a process of its own.
Those named *.slow.test.ts run only with --slow (npm run test:slow) or when a filter names them. With filters, only
files whose path contains one of them. It prints one line per file; what a file writes is printed when it fails.

Options:
  --slow         the slow files instead of all others
  --verbose      what passing files write, too, and how long each test took
  --root <dir>   the project to test (default: this one)
  --help         this text

Environment:
  TEST_CONCURRENCY       files that run at a time (default: three for two cores)
  TEST_FILE_TIMEOUT_MS   how long a file may take (default 120000)

The last line is "N passed, N failed", with ", N skipped" when there are skips. The exit code is 1 when
anything failed or nothing ran.
`;
const PROGRESS_INTERVAL_MS = 15_000;
/** Many files mostly wait: for a poll, a deadline, a process that starts. */
const FILES_PER_CORE = 1.5;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    slow: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    root: { type: 'string', default: join(import.meta.dirname, '../../../..') },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await runAll(resolve(values.root));

async function runAll(root: string): Promise<number> {
  const { files, slowLeftOut } = await selectFiles(root, { filters: positionals, slow: values.slow });
  if (slowLeftOut > 0) console.log(`${slowLeftOut} slow files left out: npm run test:slow`);
  if (files.length === 0)
    console.log(`no test file matches: ${positionals.join(' ') || 'test/**/*.test.ts'}`);

  const timeoutMs = positive('TEST_FILE_TIMEOUT_MS', 120_000);
  const running = new Map<string, RunningFile>();
  const killAll = (): void => {
    for (const { kill } of running.values()) kill();
  };
  process.once('exit', killAll);
  exitOnSignals();

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
      printFile(file, result, values.verbose);
    }
  };
  const concurrency = positive('TEST_CONCURRENCY', Math.ceil(FILES_PER_CORE * availableParallelism()));
  await Promise.all(Array.from({ length: concurrency }, work));
  clearInterval(progress);
  return printSummary(results);
}

async function runOne(
  root: string,
  file: string,
  timeoutMs: number,
  running: Map<string, RunningFile>,
): Promise<FileResult> {
  const compiled = join(root, compiledPath(file));
  if (!existsSync(compiled)) {
    return {
      passed: 0,
      failures: ['the compiled file is missing'],
      skips: [],
      times: [],
      output: '',
      durationMs: 0,
    };
  }
  const started = runFile(compiled, timeoutMs);
  running.set(file, started);
  return await started.result;
}

function positive(variable: string, fallback: number): number {
  const value = Number(process.env[variable] ?? fallback);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${variable} must be a whole number above 0`);
  return value;
}
