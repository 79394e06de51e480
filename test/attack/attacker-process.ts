/** The process of one attack: its cost is not the service's, and it can be killed. Told which one over IPC. */
import type { AttackContext } from './attack.js';
import { ATTACKS } from './registry.js';

export interface AttackerJob extends AttackContext {
  readonly name: string;
}

process.once('disconnect', () => process.exit(1));
process.once('message', async ({ name, ...context }: AttackerJob) => {
  try {
    const attack = ATTACKS.find((one) => one.name === name);
    if (attack === undefined) throw new Error(`there is no attack ${name}`);
    process.send?.({ outcome: await attack.run(context) });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
