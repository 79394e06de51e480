/** `npm run attack`: see USAGE in options.ts. */

import { setTimeout as sleep } from 'node:timers/promises';
import { exitOnSignals } from '@chatsessions/test-harness';
import type { Attack } from './attack.js';
import { type AttackCommand, type Command, readCommand, USAGE, UsageError } from './options.js';
import { type Played, play } from './play.js';
import { ATTACKS } from './registry.js';
import { report } from './report.js';
import { givenService, type Service, startedService } from './service.js';
import { startVisitors } from './visitor.js';

/** How long visitors have the service to themselves at first, in ms. */
const ALONE_MS = 4_000;
const QUICK_ALONE_MS = 1_000;
/** How often a long attack says that it goes on, in ms. */
const PROGRESS_MS = 15_000;

// What is up is taken down by handlers of `exit`.
exitOnSignals();

try {
  process.exitCode = await main(readCommand(process.argv.slice(2), ATTACKS));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`attack: ${error.message} npm run attack -- --help says what there is.\n`);
  process.exitCode = 2;
}

async function main(command: Command): Promise<number> {
  if (command.kind === 'help') process.stdout.write(USAGE);
  else if (command.kind === 'list') process.stdout.write(listOf(ATTACKS));
  else return attackAll(command);
  return 0;
}

function listOf(attacks: readonly Attack[]): string {
  const width = Math.max(...attacks.map(({ name }) => name.length));
  return attacks.map(({ name, shows }) => `${name.padEnd(width)}  ${shows}\n`).join('');
}

/** Plays the attacks one after the other. @returns the exit code */
async function attackAll(command: AttackCommand): Promise<number> {
  const { attacks, isQuick, seconds, service: given } = command;
  const start = () => (given === undefined ? startedService() : givenService(given));
  let service: Service = await start();
  try {
    const alone = await startVisitors(service.target);
    await sleep(isQuick ? QUICK_ALONE_MS : ALONE_MS);
    const { p99: aloneP99 } = await alone.stop();
    const played: Played[] = [];
    for (const attack of attacks) {
      const one = await playAloud(attack, service, {
        ms: 1_000 * (seconds ?? secondsOf(attack, isQuick)),
        aloneP99,
      });
      played.push(one);
      if (one.faults.length === 0 || given !== undefined) continue;
      // What is left of a hole must not stain the next attack.
      await service.stop();
      service = await start();
    }
    console.log(`\n${report(played, aloneP99)}`);
    return played.every(({ faults }) => faults.length === 0) ? 0 : 1;
  } finally {
    await service.stop();
  }
}

async function playAloud(...[attack, service, options]: Parameters<typeof play>): Promise<Played> {
  const began = performance.now();
  const took = () => ((performance.now() - began) / 1_000).toFixed(1);
  const progress = setInterval(() => console.log(`… ${attack.name}, ${took()} s`), PROGRESS_MS);
  const played = await play(attack, service, options);
  clearInterval(progress);
  const { name, faults } = played;
  console.log(`${faults.length > 0 ? '✘' : '✔'} ${name} in ${took()} s`);
  for (const fault of faults) console.log(`  ${fault}`);
  return played;
}

function secondsOf({ seconds, quickSeconds }: Attack, isQuick: boolean): number {
  return isQuick ? (quickSeconds ?? seconds) : seconds;
}
