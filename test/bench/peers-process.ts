import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Addresses } from '../../bench/peers/process.js';
import { repoFile } from '../harness/repo-file.js';

/** A peer in a process of its own. */
export interface PeerProcess {
  readonly child: ChildProcess;
  readonly addresses: Addresses;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<unknown>;
}

/** Starts bench/peers/<file>. It goes when this process exits. @throws Error when it ends before it listens */
export async function startPeer(file: string, env: Readonly<Record<string, string>>): Promise<PeerProcess> {
  const child = fork(repoFile(`dist/bench/peers/${file}.js`), {
    env: { PATH: process.env['PATH'], ...env },
    execArgv: [],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit').then(([code, signal]) => {
    process.off('exit', kill);
    return code ?? signal;
  });
  const addresses = await Promise.race([
    once(child, 'message').then(([message]): Addresses => message),
    ended.then((end) => Promise.reject(new Error(`${file} did not start: ${end}`))),
  ]);
  return { child, addresses, ended };
}
