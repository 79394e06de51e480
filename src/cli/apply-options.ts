import type { ConnectionOptions } from './options.js';

/** The options of `apply`. */
export interface ApplyOptions extends ConnectionOptions {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly expectedRevision?: number;
  readonly concurrency: number;
  readonly verbose?: boolean;
  readonly out?: string;
}
