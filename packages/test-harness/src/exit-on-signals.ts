/** Ends the process on SIGINT, SIGTERM and SIGHUP by `process.exit`, so that its handlers of `exit` clean up. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
}
