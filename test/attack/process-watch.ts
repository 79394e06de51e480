import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import type { Target } from './attack.js';
import type { Service } from './service.js';
import { tcpSockets } from './tcp-table.js';

/** What a service used while it was watched; NaN where that cannot be known. */
export interface Used {
  /** RssAnon, without the pages of data files, in MiB. */
  readonly memoryBefore: number;
  readonly memoryMost: number;
  /** The most lines that came into its log in a second, and all bytes. */
  readonly logLinesPerSecond: number;
  readonly logBytes: number;
  /** Lines at the level error or above, and the first of them: a stranger can make the service fail. */
  readonly logErrors: number;
  readonly firstLogError: string | undefined;
}

export interface ProcessWatch {
  readonly stop: () => Used;
}

const SAMPLE_MS = 100;
/** How much of the log is read at a time, in bytes. */
const CHUNK_BYTES = 1024 * 1024;
/** pino's levels from error on. */
const ERROR_LINE = /"level":[56]0/;
/** When it was written, to the second: this process may read it later than it came. */
const SECOND = /"time":"([^"]{19})/;
const MAX_QUOTED = 300;

/** Watches a service's memory and log until it is stopped. */
export function watchProcess(service: Pick<Service, 'pid' | 'log'>): ProcessWatch {
  const memoryBefore = memoryMiB(service.pid);
  const log = service.log === undefined ? undefined : followLog(service.log);
  let memoryMost = memoryBefore;
  const sample = () => {
    const memory = memoryMiB(service.pid);
    if (memory > memoryMost) memoryMost = memory;
    log?.readOn();
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return { memoryBefore, memoryMost, ...(log?.stop() ?? NO_LOG) };
    },
  };
}

const NO_LOG = {
  logLinesPerSecond: Number.NaN,
  logBytes: Number.NaN,
  logErrors: Number.NaN,
  firstLogError: undefined,
};

/** Counts what comes into a file from now on. */
function followLog(path: string) {
  const file = openSync(path, 'r');
  const start = statSync(path).size;
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const linesBySecond = new Map<string, number>();
  let position = start;
  let rest = '';
  let errors = 0;
  let first: string | undefined;
  const readOn = () => {
    for (let read = readSync(file, chunk, 0, CHUNK_BYTES, position); read > 0; ) {
      position += read;
      const lines = (rest + chunk.toString('utf8', 0, read)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, second = 'none'] = SECOND.exec(line) ?? [];
        linesBySecond.set(second, (linesBySecond.get(second) ?? 0) + 1);
        if (!ERROR_LINE.test(line)) continue;
        errors++;
        first ??= line.slice(0, MAX_QUOTED);
      }
      read = readSync(file, chunk, 0, CHUNK_BYTES, position);
    }
  };
  return {
    readOn,
    stop() {
      readOn();
      closeSync(file);
      return {
        logLinesPerSecond: Math.max(0, ...linesBySecond.values()),
        logBytes: position - start,
        logErrors: errors,
        firstLogError: first,
      };
    },
  };
}

/** What a process has for itself, in MiB (Linux only; NaN elsewhere). */
export function memoryMiB(pid: number | undefined): number {
  try {
    const [, kib] = /RssAnon:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1_024;
  } catch {
    return Number.NaN;
  }
}

/**
 * How many descriptors a process has open, without those of its database: the pool of connections grows when there is
 * much to do, and keeps them (Linux only; NaN elsewhere).
 */
export function descriptors(pid: number | undefined, { http, grpc }: Pick<Target, 'http' | 'grpc'>): number {
  try {
    const ours = [http.port, grpc.port];
    const others = new Set([
      ...unixSockets(),
      ...tcpSockets().flatMap(({ localPort, inode }) => (ours.includes(localPort) ? [] : inode)),
    ]);
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => !others.has(inodeOf(`/proc/${pid}/fd/${fd}`)))
      .length;
  } catch {
    return Number.NaN;
  }
}

/** `socket:[4711]` → 4711; empty when it is no socket, or closed by now. */
function inodeOf(fd: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(fd))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** The inodes of all Unix sockets: the seventh column of proc_net_unix. */
function unixSockets(): string[] {
  return readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .map((line) => line.split(/\s+/)[6] ?? '')
    .filter((inode) => inode !== '');
}
