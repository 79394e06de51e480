import type { Pause } from '../../time/pause.js';

/** The most entries that are kept for slow readers. */
const MAX_ENTRIES = 256;
/** The most bytes that are kept for slow readers, unless a single entry has more. */
const MAX_BYTES = 4 * 1024 * 1024;
/** How long the writer waits for readers that have not caught up, in ms. */
const READER_WAIT_MS = 50;

/**
 * A bounded log with one writer and many readers, each at its own position. It keeps the entries that some reader has not
 * read yet; when they exceed the bound, the oldest go, and a reader that still needed one gets `behind`.
 */
export interface WatchLog<T> {
  readonly add: (entry: T, bytes: number) => void;
  /** Opens a reader of the entries that are added from now on. */
  readonly read: () => LogReader<T>;
  /**
   * Resolves when all readers have read everything, at the latest after {@link READER_WAIT_MS}. A reader that misses this
   * is not waited for again until it has caught up once.
   */
  readonly settled: (signal: AbortSignal) => Promise<void>;
  /** How many readers are open. */
  readonly readers: () => number;
  /** Ends the log: readers get the error once they have read all entries. */
  readonly fail: (error: unknown) => void;
}

/** A reader of a log, at its own position. */
export interface LogReader<T> {
  /**
   * Waits for the next entry.
   *
   * @returns `behind` when that entry is no longer kept; undefined when `signal` is aborted
   * @throws the error that the log was ended with
   */
  readonly next: (signal: AbortSignal) => Promise<T | 'behind' | undefined>;
  readonly close: () => void;
}

interface Reader {
  /** The number of the next entry to read. */
  next: number;
  /** Whether the writer has waited for it in vain since it last caught up. */
  isSlow: boolean;
  wake: () => void;
}

/** Creates an empty log. @param maxEntries the most entries that are kept for slow readers */
export function createWatchLog<T>(pause: Pause, maxEntries = MAX_ENTRIES): WatchLog<T> {
  const entries: { readonly entry: T; readonly bytes: number }[] = [];
  const readers = new Set<Reader>();
  let first = 0;
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  let onRead = () => {};

  const end = () => first + entries.length;
  const drop = () => {
    bytes -= entries.shift()?.bytes ?? 0;
    first++;
  };
  const lagging = () => [...readers].filter(({ isSlow, next }) => !isSlow && next < end());
  const wakeAll = () => {
    for (const { wake } of readers) wake();
  };

  return {
    add(entry, size) {
      const firstUnread = Math.min(end(), ...[...readers].map(({ next }) => next));
      while (first < firstUnread) drop();
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
            await waitForWake(reader, signal);
          }
          if (reader.next < first) return 'behind';
          const { entry } = entries[reader.next - first] ?? {};
          reader.next++;
          onRead();
          return entry;
        },
        close() {
          readers.delete(reader);
          onRead();
        },
      };
    },

    async settled(signal) {
      if (lagging().length === 0) return;
      const caughtUp = new AbortController();
      onRead = () => {
        if (lagging().length === 0) caughtUp.abort();
      };
      await pause(READER_WAIT_MS, AbortSignal.any([signal, caughtUp.signal]));
      onRead = () => {};
      for (const reader of lagging()) reader.isSlow = true;
    },

    readers: () => readers.size,

    fail(error) {
      failure = { error };
      wakeAll();
    },
  };
}

/** Waits until a reader is woken, or `signal` is aborted. */
async function waitForWake(reader: Reader, signal: AbortSignal): Promise<void> {
  let abort = () => {};
  await new Promise<void>((resolve) => {
    reader.wake = resolve;
    abort = resolve;
    signal.addEventListener('abort', abort);
  });
  signal.removeEventListener('abort', abort);
}
