import inspector from 'node:inspector';

/** A worker counts as hung when more than this many heartbeats in a row are missing. */
const MAX_MISSING_BEATS = 10;

/** The message that a worker sends to the primary at a fixed interval, from a timer of its event loop. */
export interface Heartbeat {
  readonly kind: 'beat';
  /** Whether a debugger is attached: a worker at a breakpoint sends no heartbeats and must not be killed. */
  readonly isDebugged: boolean;
}

/** Detects, in the primary, that the event loop of one worker hangs. */
export interface HeartbeatMonitor {
  beat(heartbeat: Heartbeat): void;
  /** Ends the monitoring. Safe to call twice. */
  stop(): void;
}

/** The heartbeat interval, in ms, for workers that count as hung after `hungAfterMs` of silence. */
export function heartbeatIntervalMs(hungAfterMs: number): number {
  return hungAfterMs / MAX_MISSING_BEATS;
}

/** Starts sending heartbeats to the primary. A blocked event loop stops them. */
export function startHeartbeat(intervalMs: number): void {
  let isSending = false;
  const beat = () => {
    // At most one unsent message: else a primary that does not read would fill this process's memory.
    if (isSending) return;
    isSending = true;
    const heartbeat: Heartbeat = { kind: 'beat', isDebugged: inspector.url() !== undefined };
    // The callback ignores its error argument: it means that the channel is closed, and then this process ends anyway.
    process.send?.(heartbeat, undefined, undefined, () => {
      isSending = false;
    });
  };
  setInterval(beat, intervalMs).unref();
}

/**
 * Calls `onHung` once, when a worker has sent no heartbeat for `hungAfterMs`.
 *
 * The silence is counted in ticks of the primary's timer, not by a clock. So time in which the primary was stopped too
 * does not count: a sleeping machine, SIGSTOP to the process group, a primary that hangs. Node timers do not catch up
 * on missed ticks: at most one fires before the heartbeats in the channel are read.
 */
export function monitorHeartbeat(hungAfterMs: number, onHung: () => void): HeartbeatMonitor {
  let missing = 0;
  let isDebugged = false;
  const timer = setInterval(() => {
    if (isDebugged) return;
    missing += 1;
    if (missing <= MAX_MISSING_BEATS) return;
    clearInterval(timer);
    onHung();
  }, heartbeatIntervalMs(hungAfterMs));
  return {
    beat(heartbeat) {
      missing = 0;
      isDebugged = heartbeat.isDebugged;
    },
    stop: () => clearInterval(timer),
  };
}
