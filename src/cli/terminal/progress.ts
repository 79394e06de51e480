import type { Terminal } from './terminal.js';

/** A progress bar on standard error. */
export interface Progress {
  /** Shows how much is done. */
  readonly show: (done: number) => void;
  /** Removes the bar. */
  readonly clear: () => void;
}

const WIDTH = 24;
const REDRAW_MS = 100;

/** Makes a progress bar of `total` steps; without a terminal it shows nothing. `now` is a clock in ms. */
export function progressBar(
  { showsProgress, writeError }: Pick<Terminal, 'showsProgress' | 'writeError'>,
  {
    label,
    total,
    now,
  }: { readonly label: string; readonly total: number | undefined; readonly now: () => number },
): Progress {
  if (!showsProgress) return { show() {}, clear() {} };
  const began = now();
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    show(done) {
      if (now() - drawn < REDRAW_MS && done !== total) return;
      drawn = now();
      const seconds = (drawn - began) / 1_000;
      const rate = seconds > 0 ? Math.round(done / seconds) : 0;
      if (total === undefined) {
        writeError(`\r\u001b[K${label} ${done}  ${rate}/s`);
        return;
      }
      const filled = total === 0 ? WIDTH : Math.floor((WIDTH * done) / total);
      const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
      writeError(
        `\r\u001b[K${label} [${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${done}/${total}  ${rate}/s${left}`,
      );
    },
    clear() {
      if (drawn !== Number.NEGATIVE_INFINITY) writeError('\r\u001b[K');
    },
  };
}
