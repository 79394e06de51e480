/** What a test file imports: `suite` in place of uvu's, and helpers that know nothing of what is tested. */
export { closeClient } from './close-client.js';
export { exitOnSignals } from './exit-on-signals.js';
export { isInstalled } from './is-installed.js';
export {
  type Disk,
  type JournalRecord,
  journalEnv,
  openDisk,
  readJournal,
  whyNoJournal,
} from './journal.js';
export { type Program, type ProgramOptions, startProgram } from './program.js';
export { type NetworkProxy, startProxy } from './proxy.js';
export { newSeed, type SeededRandom, seededRandom } from './seeded-random.js';
export { type ServerKind, serverKind } from './server-kind.js';
export { readStream, type StreamReader } from './stream-reader.js';
export { type Body, type Suite, type SuiteOptions, suite, type TestOptions } from './suite.js';
export { tempDir } from './temp-dir.js';
export { withTimeout } from './timeout.js';
export { until } from './until.js';
