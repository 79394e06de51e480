import { close, open, readFileSync } from 'node:fs';

/** The ports that share the process's descriptors: HTTP and gRPC. */
const PORTS = 2;
/** Descriptors kept for the rest: 100 connections to the database, the embedded server, files, pipes to workers. */
const RESERVED = 512;

/** The limit of open files of this process, connections included; undefined where it cannot be read (not Linux). */
export function openFileLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/**
 * The most connections that one port may have: `most`, or fewer where the limit of open files is low, so that all ports
 * at their cap leave descriptors for the rest of the process.
 */
export function connectionsPerPort(most: number, limit = openFileLimit()): number {
  if (limit === undefined) return most;
  const reserved = Math.min(RESERVED, Math.floor(limit / 2));
  return Math.min(most, Math.floor((limit - reserved) / PORTS));
}

/**
 * Opens a file to learn whether the process has run out of file descriptors. When it has, libuv accepts connections and
 * closes them at once, and does not report it to Node.
 */
export function probeOpenFiles(onExhausted: (code: 'EMFILE' | 'ENFILE') => void): void {
  open('/dev/null', (error, descriptor) => {
    if (!error) close(descriptor);
    else if (error.code === 'EMFILE' || error.code === 'ENFILE') onExhausted(error.code);
  });
}
