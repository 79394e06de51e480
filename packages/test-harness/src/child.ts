/**
 * The process of one test file: loads the file that its argument names, runs its suites and reports each
 * outcome to the runner over IPC.
 */
import { pathToFileURL } from 'node:url';
import { report } from './events.js';

const LEAK_GRACE_MS = 2_000;
const { setTimeout } = globalThis;

globalThis.UVU_DEFER = 1;
globalThis.UVU_QUEUE = [];
// uvu decides as it is loaded whether it starts on its own.
const { reportFailure, runSuites } = await import('./suite.js');

process.on('unhandledRejection', (thrown) => reportFailure('unhandled rejection', thrown));
process.on('uncaughtException', (thrown) => reportFailure('uncaught exception', thrown));
// A listener on the channel would keep the process alive; without one it would outlive a killed runner.
process.once('disconnect', () => process.exit(1));
process.channel?.unref();

const inherited = process.getActiveResourcesInfo();
try {
  await import(pathToFileURL(process.argv[2] ?? '').href);
  await runSuites();
} catch (thrown) {
  reportFailure('the file could not be loaded', thrown);
}
report({ kind: 'finished' });

setTimeout(() => {
  report({ kind: 'leaked', resources: without(process.getActiveResourcesInfo(), inherited) });
  process.exit();
}, LEAK_GRACE_MS).unref();

function without(all: readonly string[], some: readonly string[]): string[] {
  const left = [...some];
  return all.filter((resource) => {
    const index = left.indexOf(resource);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}
