import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempDir } from '@chatsessions/test-harness';
import { repoFile } from '../repo-file.js';
import { connectionsOf } from './connections.js';
import type { GrpcLoad } from './grpc.js';
import type { LoadResult } from './load.js';

const run = promisify(execFile);
/** It prints a line per call. */
const MAX_OUTPUT_BYTES = 1 << 30;

/** `ghz` with descriptors of the service's proto files. */
export function ghz(): GrpcLoad {
  let preparing: Promise<{ protoset: string; data: string }> | undefined;
  return {
    name: 'ghz',
    async run(target, path, requests, options) {
      preparing ??= prepare();
      const { protoset, data } = await preparing;
      await writeFile(data, JSON.stringify(requests.map(({ json }) => json)));
      const args = [
        ...['--insecure', '--protoset', protoset, '--call', path.slice(1).replace('/', '.'), '-D', data],
        ...['-c', String(options.callers), '--connections', String(connectionsOf(options))],
        ...['-z', `${options.ms}ms`, '--duration-stop', 'wait', '-O', 'json'],
        ...['--disable-template-functions', '--disable-template-data', target],
      ];
      const { stdout } = await run('ghz', args, { maxBuffer: MAX_OUTPUT_BYTES });
      return readGhz(stdout);
    },
    close: async () => {},
  };
}

/** Builds the descriptors. @returns the paths of the descriptors and of the requests */
async function prepare(): Promise<{ protoset: string; data: string }> {
  const folder = await tempDir();
  const protoset = join(folder, 'set.binpb');
  await run(repoFile('node_modules/.bin/buf'), ['build', 'proto', '-o', protoset], { cwd: repoFile('.') });
  return { protoset, data: join(folder, 'data.json') };
}

/** Reads ghz's JSON: times are in ns. */
export function readGhz(output: string): LoadResult {
  const { total, slowest, latencyDistribution, statusCodeDistribution } = JSON.parse(output);
  const { OK: answers = 0, ...others }: Record<string, number> = statusCodeDistribution ?? {};
  // null without any answer.
  const latencies: readonly { percentage: number; latency: number }[] = latencyDistribution ?? [];
  const at = (percent: number) => latencies.find(({ percentage }) => percentage === percent)?.latency ?? 0;
  return {
    rate: total > 0 ? (answers * 1e9) / total : 0,
    answers,
    unexpected: Object.values(others).reduce((sum, count) => sum + count, 0),
    p50: at(50) / 1e6,
    p99: at(99) / 1e6,
    max: slowest / 1e6,
  };
}
