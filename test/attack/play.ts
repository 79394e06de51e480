import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from './attack.js';
import { runAttacker } from './attacker.js';
import { descriptors, memoryMiB, watchProcess } from './process-watch.js';
import type { Service } from './service.js';
import { BOUNDS, faultsOf, type Measured } from './verdict.js';
import { startVisitors, visitOnce } from './visitor.js';

/** One attack, played. */
export interface Played extends Measured {
  readonly name: string;
  /** Why the service did not hold; empty when it did. */
  readonly faults: readonly string[];
}

/** How long a service may take to open sessions again, and to let go of connections, in ms. */
const CALM_MS = 10_000;

/** Plays an attack beside visitors, and judges what came of it. */
export async function play(
  attack: Attack,
  service: Service,
  { ms, aloneP99 }: { readonly ms: number; readonly aloneP99: number },
): Promise<Played> {
  const { target, pid } = service;
  const descriptorsBefore = descriptors(pid, target);
  const watch = watchProcess(service);
  const visitors = await startVisitors(target);
  const outcome = await runAttacker(attack, { target, ms });
  const visits = await visitors.stop();
  const notAlive = await whyNotAlive(service);
  const descriptorsAfter = await settledDescriptors(service, descriptorsBefore);
  const measured = {
    ...{ outcome, visits, aloneP99, notAlive, descriptorsBefore, descriptorsAfter },
    ...{ ...watch.stop(), memoryAfter: memoryMiB(pid) },
  };
  return { ...measured, name: attack.name, faults: faultsOf(measured, attack.tolerance) };
}

/** Opens sessions until that goes well, or the time is over. @returns why it did not go well */
async function whyNotAlive({ target, end }: Service): Promise<string | undefined> {
  const over = performance.now() + CALM_MS;
  for (;;) {
    const reason = await visitOnce(target).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    if (end() !== undefined) return `it ended with ${end()}`;
    if (reason === undefined || performance.now() > over) return reason;
    await sleep(200);
  }
}

/** Waits until the descriptors are back to what they were. @returns how many there are in the end */
async function settledDescriptors({ pid, target }: Service, before: number): Promise<number> {
  const over = performance.now() + CALM_MS;
  for (;;) {
    const now = descriptors(pid, target);
    if (!(now > before + BOUNDS.descriptors) || performance.now() > over) return now;
    await sleep(200);
  }
}
