import inspector from 'node:inspector';

/** A worker hangs when more heartbeats in a row are missing. */
const BEATS = 10;

/** What a worker tells the primary at a fixed interval, from its event loop. */
export interface Heartbeat {
  readonly kind: 'beat';
  /** A debugger may hold it at a breakpoint for as long as it likes. */
  readonly isDebugged: boolean;
}

/** The primary's view of one worker's event loop. */
export interface HeartbeatWatch {
  beat(heartbeat: Heartbeat): void;
  /** Watches no more. Safe to call twice. */
  stop(): void;
}

/** The interval of the heartbeats of a worker that hangs when it is silent for `hungAfterMs`, in ms. */
export function beatMs(hungAfterMs: number): number {
  return hungAfterMs / BEATS;
}

/** Sends a heartbeat to the primary every `everyMs`, for as long as this process's event loop turns. */
export function startHeartbeat(everyMs: number): void {
  let isOnItsWay = false;
  const beat = () => {
    // A primary that does not read must not fill this process's memory.
    if (isOnItsWay) return;
    isOnItsWay = true;
    const heartbeat: Heartbeat = { kind: 'beat', isDebugged: inspector.url() !== undefined };
    // The callback gets the error as well: the channel is closed, and this process is about to end.
    process.send?.(heartbeat, undefined, undefined, () => {
      isOnItsWay = false;
    });
  };
  setInterval(beat, everyMs).unref();
}

/**
 * Calls `onHung` once, when a worker is silent for `hungAfterMs`.
 *
 * Silence is counted in ticks of this process's own timer and not by a clock, so that time in which this process stood
 * still too does not count: a machine that sleeps, SIGSTOP to the whole group, a primary that hangs. A timer does not
 * make up for missed ticks; at most one passes before the heartbeats that are waiting are read.
 */
export function watchHeartbeat(hungAfterMs: number, onHung: () => void): HeartbeatWatch {
  let missing = 0;
  let isDebugged = false;
  const timer = setInterval(() => {
    if (isDebugged) return;
    missing += 1;
    if (missing <= BEATS) return;
    clearInterval(timer);
    onHung();
  }, beatMs(hungAfterMs));
  return {
    beat(heartbeat) {
      missing = 0;
      isDebugged = heartbeat.isDebugged;
    },
    stop: () => clearInterval(timer),
  };
}
