import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The longest path of a Unix socket's address, without the 0 at its end (`sun_path` in unix(7)). */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** A path that a socket can be bound or connected to. */
export interface ReachablePath {
  readonly path: string;
  /** Closes the descriptor that the path may need; the socket stays. */
  close(): void;
}

/** Whether a path is short enough for a Unix socket. */
function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_PATH_BYTES;
}

/** A path to a socket in a folder that is short enough. On Linux a long one goes through the folder's descriptor. */
export function reachable(folder: string, name: string): ReachablePath {
  const path = join(folder, name);
  if (fits(path) || process.platform !== 'linux') return { path, close() {} };
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/${name}`, close: () => closeSync(descriptor) };
}

/** The socket that clients connect to: in the folder, or, when that path is too long, in a new folder under the system's
 *  temporary one, which only this user may enter. Throws when that path is too long as well. */
export function clientSocket(folder: string): { readonly path: string; remove(): void } {
  const path = join(folder, 'mongodb.sock');
  if (fits(path)) return { path, remove: () => rmSync(path, { force: true }) };
  const own = mkdtempSync(join(tmpdir(), 'mdb-'));
  const short = join(own, 'mongodb.sock');
  const remove = () => rmSync(own, { recursive: true, force: true });
  if (fits(short)) return { path: short, remove };
  remove();
  throw new Error(`the path is too long for a Unix socket, and so is one under ${tmpdir()}`);
}
