import type { Pause } from '../time/pause.js';

/** How many entries are kept for readers that are behind, and how many bytes of them. */
const MAX_ENTRIES = 256;
const MAX_BYTES = 4 * 1024 * 1024;
/** For how long the writer waits for readers, in ms: once for each time that one falls behind. */
const PATIENCE_MS = 50;

/**
 * The latest entries of one writer, for many readers: each has a place of its own in it. It holds what its readers have
 * not taken, up to a bound; a reader that is further behind has lost its place.
 */
export interface WatchLog<T> {
  readonly add: (entry: T, bytes: number) => void;
  /** A reader of what is added from now on. */
  readonly read: () => LogReader<T>;
  /** Resolves when all readers that keep up have taken what there is; one that does not is waited for once. */
  readonly settled: (signal: AbortSignal) => Promise<void>;
  /** How many readers there are. */
  readonly readers: () => number;
  /** Nothing will be added any more: readers get the error. */
  readonly fail: (error: unknown) => void;
}

/** A place in a log. */
export interface LogReader<T> {
  /**
   * The next entry, once there is one.
   *
   * @returns `behind` when it is no longer kept, undefined when `signal` is aborted
   * @throws what the writer failed with
   */
  readonly next: (signal: AbortSignal) => Promise<T | 'behind' | undefined>;
  readonly close: () => void;
}

interface Reader {
  /** The number of the next entry. */
  next: number;
  /** Whether it has been waited for in vain. */
  isSlow: boolean;
  wake: () => void;
}

/** A log without entries. @param maxEntries how many are kept at most */
export function createWatchLog<T>(pause: Pause, maxEntries = MAX_ENTRIES): WatchLog<T> {
  const entries: { readonly entry: T; readonly bytes: number }[] = [];
  const readers = new Set<Reader>();
  let first = 0;
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  let onTaken = () => {};

  const end = () => first + entries.length;
  const drop = () => {
    bytes -= entries.shift()?.bytes ?? 0;
    first++;
  };
  const late = () => [...readers].filter(({ isSlow, next }) => !isSlow && next < end());
  const wakeAll = () => {
    for (const { wake } of readers) wake();
  };

  return {
    add(entry, size) {
      const taken = Math.min(end(), ...[...readers].map(({ next }) => next));
      while (first < taken) drop();
      entries.push({ entry, bytes: size });
      bytes += size;
      while (entries.length > 1 && (entries.length > maxEntries || bytes > MAX_BYTES)) drop();
      wakeAll();
    },

    read() {
      const reader: Reader = { next: end(), isSlow: false, wake: () => {} };
      readers.add(reader);
      return {
        async next(signal) {
          while (reader.next === end()) {
            if (failure) throw failure.error;
            if (signal.aborted) return undefined;
            reader.isSlow = false;
            await woken(reader, signal);
          }
          if (reader.next < first) return 'behind';
          const { entry } = entries[reader.next - first] ?? {};
          reader.next++;
          onTaken();
          return entry;
        },
        close() {
          readers.delete(reader);
          onTaken();
        },
      };
    },

    async settled(signal) {
      if (late().length === 0) return;
      const taken = new AbortController();
      onTaken = () => {
        if (late().length === 0) taken.abort();
      };
      await pause(PATIENCE_MS, AbortSignal.any([signal, taken.signal]));
      onTaken = () => {};
      for (const reader of late()) reader.isSlow = true;
    },

    readers: () => readers.size,

    fail(error) {
      failure = { error };
      wakeAll();
    },
  };
}

/** Waits until a reader is woken, or `signal` is aborted. */
async function woken(reader: Reader, signal: AbortSignal): Promise<void> {
  let abort = () => {};
  await new Promise<void>((resolve) => {
    reader.wake = resolve;
    abort = resolve;
    signal.addEventListener('abort', abort);
  });
  signal.removeEventListener('abort', abort);
}
