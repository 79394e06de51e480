import type { FileResult } from './run-file.js';

/**
 * Prints a line about a file and the reasons of its skips; what it wrote when it failed, or all there is to tell when
 * `verbose`.
 */
export function printFile(file: string, result: FileResult, verbose: boolean): void {
  const { passed, failures, skips, times, output, durationMs } = result;
  const hasFailed = failures.length > 0;
  const failed = hasFailed ? `, ${failures.length} failed` : '';
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : '';
  console.log(
    `${hasFailed ? '✘' : '✔'} ${file}: ${passed} passed${failed}${skipped} in ${seconds(durationMs)}`,
  );
  for (const { name, reason } of skips) console.log(`  skipped: ${name} (${reason})`);
  if (verbose) for (const test of times) console.log(`  ${seconds(test.durationMs)}: ${test.name}`);
  if (hasFailed || verbose) process.stdout.write(output);
  for (const failure of failures) console.log(`  failed: ${failure}`);
}

/** Prints all failures again and, as the last line, the sums. @returns the exit code */
export function printSummary(results: ReadonlyMap<string, FileResult>): number {
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

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
