/** What a test file's process tells the runner over IPC, in the order in which it happens. */
export type TestEvent =
  /** The file is loaded; `fileTimeoutMs` is what its suites ask for, when they do. */
  | { readonly kind: 'loaded'; readonly fileTimeoutMs?: number | undefined }
  | { readonly kind: 'started'; readonly name: string }
  | { readonly kind: 'passed'; readonly name: string }
  /** A test, a hook or the file as a whole failed; what is wrong has been printed by the file's process. */
  | { readonly kind: 'failed'; readonly name: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly reason: string }
  /** Every suite has run. A process that ends without having said so did not finish. */
  | { readonly kind: 'finished' }
  /** The process is still alive a while after `finished`; `resources` are the handles that keep it so. */
  | { readonly kind: 'leaked'; readonly resources: readonly string[] };

/** Tells the runner. */
export function report(event: TestEvent): void {
  process.send?.(event);
}
