import { close, open, readFileSync } from 'node:fs';

/** The ports that share the process's descriptors: HTTP and gRPC. */
const PORTS = 2;
/** Descriptors for everything else: 100 connections to the database, the embedded server, files, pipes to workers. */
const RESERVED = 512;

/** How many files this process may have open, where the system says so (Linux); a connection is one of them. */
export function openFileLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/**
 * How many connections one port may have: at most `most`, and so many that all ports at their cap leave descriptors
 * for the rest of the process.
 */
export function connectionsPerPort(most: number, limit = openFileLimit()): number {
  if (limit === undefined) return most;
  const reserved = Math.min(RESERVED, Math.floor(limit / 2));
  return Math.min(most, Math.floor((limit - reserved) / PORTS));
}

/**
 * Tries whether a file can be opened, and tells when it cannot because there are no descriptors left. libuv then accepts
 * connections and closes them, and Node is not told: this is how it can be known.
 */
export function probeOpenFiles(onExhausted: (code: 'EMFILE' | 'ENFILE') => void): void {
  open('/dev/null', (error, descriptor) => {
    if (!error) close(descriptor);
    else if (error.code === 'EMFILE' || error.code === 'ENFILE') onExhausted(error.code);
  });
}
