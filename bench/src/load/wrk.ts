import { type ExecFileException, execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@chatsessions/test-harness';
import type { HttpLoad } from './http.js';
import type { LoadResult } from './load.js';
import { rawRequest } from './raw-request.js';

/** The time limit of an answer, in s. */
const ANSWER_S = 10;

/**
 * `wrk`, with one thread. It corrects latencies for coordinated omission, so that they are a little higher than what
 * the connections saw.
 */
export function wrk(): HttpLoad {
  let folder: Promise<string> | undefined;
  return {
    name: 'wrk',
    async run(url, requests, { connections, ms, status = 200 }) {
      folder ??= tempDir();
      const script = join(await folder, 'requests.lua');
      await writeFile(script, wrkScript(requests.map((request) => rawRequest(url, request))));
      // Its duration is in whole seconds; on SIGINT it stops earlier and prints its result.
      const seconds = Math.ceil(ms / 1_000) + 1;
      const args = [
        '-t1',
        `-c${connections}`,
        `-d${seconds}s`,
        '--timeout',
        `${ANSWER_S}s`,
        '-s',
        script,
        url,
      ];
      const output = await new Promise<string>((resolve, reject) => {
        const child = execFile('wrk', args, (error: ExecFileException | null, stdout, stderr) => {
          clearTimeout(timer);
          if (error) reject(new Error(`wrk failed: ${stderr.trim() || stdout.trim() || error.message}`));
          else resolve(stdout);
        });
        const timer = setTimeout(() => child.kill('SIGINT'), ms);
      });
      return readWrk(output, status);
    },
  };
}

/** Makes a Lua script for wrk: it sends the requests in turn, counts answers by status, and prints JSON at the end. */
export function wrkScript(requests: readonly Buffer[]): string {
  return `local requests = {
${requests.map((request) => `  ${luaString(request)},`).join('\n')}
}
local turn = 0
local thread
statuses = {}
function setup(made) thread = made end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end
function done(summary, latency)
  local counts = {}
  for status, count in pairs(thread:get('statuses')) do
    counts[#counts + 1] = string.format('"%d": %d', status, count)
  end
  local errors = summary.errors
  print(string.format(
    '\\n{"us": %d, "broken": %d, "p50": %d, "p99": %d, "max": %d, "statuses": {%s}}',
    summary.duration, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max, table.concat(counts, ', ')))
end
`;
}

/** Reads the JSON that the script prints; times are in µs. */
export function readWrk(output: string, expectedStatus: number): LoadResult {
  const json = output.split('\n').findLast((line) => line.startsWith('{'));
  if (json === undefined) throw new Error(`wrk printed no result: ${output.slice(0, 200)}`);
  const { us, broken, p50, p99, max, statuses } = JSON.parse(json);
  const { [expectedStatus]: answers = 0, ...others }: Record<string, number> = statuses;
  const unexpected = Object.values(others).reduce((sum, count) => sum + count, broken);
  return {
    rate: us > 0 ? (answers * 1e6) / us : 0,
    answers,
    unexpected,
    p50: p50 / 1_000,
    p99: p99 / 1_000,
    max: max / 1_000,
  };
}

/** Quotes bytes as a Lua string. */
function luaString(bytes: Buffer): string {
  const text = bytes.toString('latin1').replace(/[^ !#-[\]-~]/g, (character) => {
    return `\\${String(character.charCodeAt(0)).padStart(3, '0')}`;
  });
  return `"${text}"`;
}
