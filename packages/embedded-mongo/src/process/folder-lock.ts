import { randomUUID } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type ReachablePath, reachable } from './socket-path.js';

/** A process that holds a folder, as its lock file names it. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** The running kernel: Linux's boot id, elsewhere the host's name. Sockets can be connected to within one kernel. */
  readonly kernel: string;
  /** When it took the folder, ISO 8601. */
  readonly since: string;
  /** A socket that listens as long as the holder lives. */
  readonly socket: string;
  /** Whether the holder has released the folder. */
  readonly released: boolean;
}

/** The lock file is damaged: it is unknown who holds the folder. */
class LockFileError extends Error {}

/** A folder that this process holds. */
export interface Lock {
  readonly file: string;
  release(): Promise<void>;
}

/** A live process holds the folder. */
export class HeldError extends Error {
  readonly holder: Holder;

  constructor(holder: Holder) {
    super(`held by process ${holder.pid} on host ${holder.host} since ${holder.since}`);
    this.holder = holder;
  }
}

/**
 * Takes a folder for this process, or throws `HeldError`.
 *
 * Lock files are numbered, `lock.1`, `lock.2`, …, and the one with the highest number holds. A starter that finds its
 * holder dead makes the next one with `link`, which fails when the name exists: of several starters one wins each
 * number. The highest is never deleted, only marked as released. A slow starter that links an old number therefore
 * finds a higher one when it looks again, and gives way. No deletion decides anything, so that there is no race between
 * "it is stale" and "delete it".
 *
 * A holder is alive while its socket accepts connections. The socket listens before the lock file is linked, the kernel
 * closes it however the process ends, and it accepts even while the process is stopped. Process ids would not do: they
 * are reused, and containers that share a folder each have their own. Under another kernel (a network file system, or
 * after a reboot) no socket can tell. There the holder is alive if it touches its lock file within `watchMs`, for which
 * clocks need not agree.
 */
export async function takeLock(folder: string, watchMs: number): Promise<Lock> {
  const unique = randomUUID();
  const socketName = `holder-${unique}.sock`;
  const path = reachable(folder, socketName);
  const sign = await listen(path);
  const draft = join(folder, `lock-${unique}.new`);
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    kernel: await kernelId(),
    since: new Date().toISOString(),
    socket: socketName,
    released: false,
  };
  const giveUp = async () => {
    await new Promise((resolve) => sign.close(resolve));
    path.close();
    await rm(join(folder, socketName), { force: true });
    await rm(draft, { force: true });
  };
  try {
    // Flushed before it gets its name: after a power cut a lock file is whole or absent.
    await writeFile(draft, JSON.stringify(holder), { mode: 0o600, flush: true });
    for (;;) {
      const top = Math.max(0, ...(await numbersIn(folder)));
      if (top > 0) await refuseIfAlive(folder, top, holder.kernel, watchMs);
      const file = lockFile(folder, top + 1);
      if (!(await linked(draft, file))) continue;
      if (Math.max(...(await numbersIn(folder))) > top + 1) {
        await rm(file, { force: true });
        continue;
      }
      await rm(draft, { force: true });
      await clearOlder(folder, top, socketName);
      let isReleased = false;
      return {
        file,
        async release() {
          if (isReleased) return;
          isReleased = true;
          try {
            await writeFile(draft, JSON.stringify({ ...holder, released: true }), {
              mode: 0o600,
              flush: true,
            });
            await rename(draft, file);
          } catch {
            // A full disk, for instance. The next starter finds the socket closed, which is as good.
          }
          await giveUp();
        },
      };
    }
  } catch (error) {
    await giveUp();
    throw error;
  }
}

/** The holder of a folder if it is another machine's: whether that one lives, this one cannot tell at once. */
export async function holderOnAnotherMachine(folder: string): Promise<Holder | undefined> {
  const top = Math.max(0, ...(await numbersIn(folder)));
  const holder = top === 0 ? undefined : await readHolder(lockFile(folder, top));
  return holder === undefined || holder.released || holder.kernel === (await kernelId()) ? undefined : holder;
}

const lockFile = (folder: string, number: number) => join(folder, `lock.${number}`);

async function numbersIn(folder: string): Promise<number[]> {
  return (await readdir(folder)).flatMap((name) =>
    /^lock\.\d{1,15}$/.test(name) ? [Number(name.slice(5))] : [],
  );
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function refuseIfAlive(folder: string, number: number, kernel: string, watchMs: number): Promise<void> {
  const file = lockFile(folder, number);
  const holder = await readHolder(file);
  if (holder === undefined || holder.released) return;
  const isAlive =
    holder.kernel === kernel ? await answers(folder, holder.socket) : await isTouched(file, watchMs);
  if (isAlive) throw new HeldError(holder);
}

/** The holder that a lock file names; undefined when the file is gone, since then a higher one exists. */
async function readHolder(file: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  // A lock file appears whole, by link or rename. A disk or a person may have damaged it since.
  const holder = holderIn(text);
  if (holder === undefined) {
    throw new LockFileError(
      `the lock file ${file} is damaged; remove it if no other process uses the folder`,
    );
  }
  return holder;
}

function holderIn(text: string): Holder | undefined {
  try {
    const value: Partial<Record<keyof Holder, unknown>> | null = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, host, kernel, since, socket, released } = value;
    const isWhole =
      typeof pid === 'number' &&
      typeof host === 'string' &&
      typeof kernel === 'string' &&
      typeof since === 'string' &&
      typeof released === 'boolean' &&
      // The socket is removed with its holder's lock: a path here could name any file for removal.
      typeof socket === 'string' &&
      /^holder-[\w-]{1,64}\.sock$/.test(socket);
    return isWhole ? { pid, host, kernel, since, socket, released } : undefined;
  } catch {
    return undefined;
  }
}

function answers(folder: string, socketName: string): Promise<boolean> {
  const path = reachable(folder, socketName);
  return new Promise<boolean>((resolve) => {
    const socket = connect(path.path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Refused or absent: its process is gone. After any other error, such as a full queue, it may be alive.
    socket.once('error', (error) => resolve(!isCode(error, 'ECONNREFUSED') && !isCode(error, 'ENOENT')));
  }).finally(() => path.close());
}

async function isTouched(file: string, watchMs: number): Promise<boolean> {
  const mtime = async () => (await stat(file)).mtimeMs;
  const before = await mtime();
  for (let waited = 0; waited < watchMs; waited += 250) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    if ((await mtime()) !== before) return true;
  }
  return false;
}

function listen(path: ReachablePath): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  // It must not keep the process running; the kernel closes it.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path.path, () => {
      chmodSync(path.path, 0o600);
      resolve(server);
    });
  });
}

/** Removes the files of earlier holders. Only the holder calls it. */
async function clearOlder(folder: string, top: number, ownSocket: string): Promise<void> {
  for (const number of await numbersIn(folder)) {
    if (number > top) continue;
    const holder = await readHolder(lockFile(folder, number));
    if (holder && holder.socket !== ownSocket) await rm(join(folder, holder.socket), { force: true });
    await rm(lockFile(folder, number), { force: true });
  }
}

async function kernelId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return hostname();
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
