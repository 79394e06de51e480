import type { ServerKind } from './server.js';
/** A test of the contract that a server does not pass, and why that may be. */
export interface Exception {
  readonly server: ServerKind;
  /** The suite's name and the test's, as the run prints them. */
  readonly test: string;
  readonly reason: string;
}
/**
 * All that is left out of the contract. A test named here is printed as skipped with its reason on that server,
 * and runs on all others; a name that no test has fails its file.
 */
export declare const exceptions: readonly Exception[];
