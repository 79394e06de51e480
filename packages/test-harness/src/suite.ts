import { suite as uvuSuite } from 'uvu';
import { report } from './events.js';
import { describe, toFailure } from './failure.js';
import { withTimeout } from './timeout.js';

const TEST_TIMEOUT_MS = 10_000;
const HOOK_TIMEOUT_MS = 60_000;

/** Options of one test or hook. */
export interface TestOptions {
  /** Milliseconds after which it has failed: 10,000 for a test and 60,000 for a hook unless set. */
  readonly timeoutMs?: number;
}

/** Options of a suite. */
export interface SuiteOptions {
  /** Milliseconds that the whole file may take: 120,000 unless set; the largest of a file's suites holds. */
  readonly fileTimeoutMs?: number;
}

/** What a test or a hook does. */
export type Body = () => unknown;

/** Adds a hook. */
export type AddHook = (body: Body, options?: TestOptions) => void;

/** Declares the tests and hooks of a suite. Every suite that a file makes is run: there is no `run()`. */
export interface Suite {
  (name: string, body: Body, options?: TestOptions): void;
  /** Runs once before the tests; when it throws, all tests of the suite fail. */
  readonly before: AddHook & { readonly each: AddHook };
  /** Runs once after the tests, even after failures; when it throws, the file fails. */
  readonly after: AddHook & { readonly each: AddHook };
  /** Leaves a test out. The reason is printed; an empty one is a failure. */
  skip(name: string, reason: string): void;
  /** Runs this test instead of the suite's others. The run fails all the same: it is for the desk only. */
  only(name: string, body: Body, options?: TestOptions): void;
}

interface Hook {
  readonly body: Body;
  readonly timeoutMs: number;
}

/** One suite as the runner of its file sees it. */
interface Declared {
  readonly name: string;
  readonly fileTimeoutMs: number | undefined;
  readonly settle: () => void;
  readonly enqueue: () => void;
}

const declared: Declared[] = [];
let state: 'loading' | 'running' = 'loading';

/** Prints a failure that belongs to no single test and tells the runner. */
export function reportFailure(name: string, thrown: unknown): void {
  process.stdout.write(`\n  FAIL  ${name}\n${describe(thrown)}\n`.replaceAll('\n', '\n    '));
  process.stdout.write('\n');
  report({ kind: 'failed', name });
}

/** Makes a suite of uvu tests, run by the harness once the file is loaded. */
export function suite(suiteName: string, options: SuiteOptions = {}): Suite {
  if (!globalThis.UVU_DEFER) throw new Error('run test files by `npm test -- <part of the path>`');
  const uvu = uvuSuite(suiteName);
  const beforeEach: Hook[] = [];
  const afterEach: Hook[] = [];
  const pending = new Set<string>();
  const onlyNames = new Set<string>();
  let testCount = 0;
  let skipCount = 0;
  let setUp: { failure: Error; shown: boolean } | undefined;

  const label = (name: string) => `${suiteName} › ${name}`;
  const declare = (): void => {
    if (state !== 'loading') throw new Error('tests and hooks are declared while the file loads, not later');
  };

  const handler =
    (name: string, body: Body, { timeoutMs = TEST_TIMEOUT_MS }: TestOptions) =>
    async () => {
      report({ kind: 'started', name: label(name) });
      pending.delete(name);
      const failures: Error[] = [];
      const attempt = async (ms: number, step: Body): Promise<void> => {
        try {
          await withTimeout(ms, step);
        } catch (thrown) {
          failures.push(toFailure(thrown));
        }
      };
      if (setUp?.shown) failures.push(new Error('not run: a before hook failed'));
      else if (setUp) {
        setUp.shown = true;
        failures.push(setUp.failure);
      } else {
        for (const hook of beforeEach) if (failures.length === 0) await attempt(hook.timeoutMs, hook.body);
        if (failures.length === 0) await attempt(timeoutMs, body);
        for (const hook of afterEach) await attempt(hook.timeoutMs, hook.body);
      }
      report({ kind: failures.length > 0 ? 'failed' : 'passed', name: label(name) });
      if (failures.length > 1) throw toFailure(new AggregateError(failures));
      if (failures[0]) throw failures[0];
    };

  const add = (to: (name: string, body: () => Promise<void>) => void) => {
    return (name: string, body: Body, testOptions: TestOptions = {}): void => {
      declare();
      if (pending.has(name)) throw new Error(`two tests of suite ${suiteName} have the name ${name}`);
      pending.add(name);
      testCount++;
      to(name, handler(name, body, testOptions));
    };
  };
  const hook = (to: (hook: Hook) => void): AddHook => {
    return (body, { timeoutMs = HOOK_TIMEOUT_MS } = {}) => {
      declare();
      to({ body, timeoutMs });
    };
  };

  const before = hook(({ body, timeoutMs }) => {
    // uvu would swallow the throw and every test with it; kept here, it fails the tests one by one.
    uvu.before(async () => {
      if (setUp) return;
      report({ kind: 'started', name: label('before') });
      await withTimeout(timeoutMs, body).catch((thrown: unknown) => {
        const failure = toFailure(thrown);
        failure.message = `in a before hook: ${failure.message}`;
        setUp = { failure, shown: false };
      });
    });
  });
  const after = hook(({ body, timeoutMs }) => {
    uvu.after(async () => {
      report({ kind: 'started', name: label('after') });
      await withTimeout(timeoutMs, body).catch((thrown: unknown) => reportFailure(label('after'), thrown));
    });
  });

  const only = add((name, run) => {
    onlyNames.add(name);
    uvu.only(name, run);
  });
  const skip = (name: string, reason: string): void => {
    declare();
    skipCount++;
    if (reason?.trim()) report({ kind: 'skipped', name: label(name), reason });
    else reportFailure(label(name), new Error('test.skip needs a reason'));
  };

  declared.push({
    name: suiteName,
    fileTimeoutMs: options.fileTimeoutMs,
    enqueue: () => uvu.run(),
    settle: () => {
      if (testCount + skipCount === 0) reportFailure(suiteName, new Error('the suite has no tests'));
      for (const name of onlyNames)
        reportFailure(label(name), new Error('test.only is for the desk: remove it'));
      for (const name of pending) {
        if (onlyNames.size > 0) report({ kind: 'skipped', name: label(name), reason: 'test.only elsewhere' });
        else reportFailure(label(name), new Error('the test did not run'));
      }
    },
  });
  return Object.assign(
    add((name, run) => uvu(name, run)),
    {
      before: Object.assign(before, { each: hook((each) => beforeEach.push(each)) }),
      after: Object.assign(after, { each: hook((each) => afterEach.push(each)) }),
      only,
      skip,
    },
  );
}

/** Runs every suite declared so far, one after the other. Called once, by the process of a test file. */
export async function runSuites(): Promise<void> {
  const limits = declared.flatMap(({ fileTimeoutMs }) => fileTimeoutMs ?? []);
  report({ kind: 'loaded', fileTimeoutMs: limits.length > 0 ? Math.max(...limits) : undefined });
  state = 'running';
  if (declared.length === 0) reportFailure('the file', new Error('the file has no tests'));
  for (const { enqueue, settle } of declared) {
    const queue: UvuGroup = [];
    globalThis.UVU_QUEUE = [queue];
    enqueue();
    for (const run of queue) {
      const [errors] = await run();
      if (typeof errors === 'string') process.stdout.write(`\n${errors}\n`);
    }
    settle();
  }
}

/** What uvu's `run()` leaves in its queue: runs the suite, answers the text of its failures or `true`. */
type UvuGroup = (() => Promise<[errors: string | true, passed: number, skipped: number, total: number]>)[];

declare global {
  /** Set before uvu is loaded, it keeps uvu from starting on its own, as its command line does. */
  var UVU_DEFER: number | undefined;
  var UVU_QUEUE: UvuGroup[];
}
