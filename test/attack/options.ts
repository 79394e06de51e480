import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import type { Address, Attack } from './attack.js';

/** What was asked for is not understood. The message is one sentence for whoever asked. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A service that runs already. */
export interface GivenService {
  readonly http: Address;
  readonly grpc: Address;
  readonly publicKey: string;
  readonly tenant: string;
  readonly engineToken: string | undefined;
  /** Its process, whose memory and descriptors are watched; they are not when it is unset. */
  readonly pid: number | undefined;
  /** The file that its standard error goes to. */
  readonly log: string | undefined;
}

/** What `npm run attack` is to do. */
export type Command = { readonly kind: 'help' } | { readonly kind: 'list' } | AttackCommand;

/** The attacks that are to be played, and on what. */
export interface AttackCommand {
  readonly kind: 'attack';
  readonly attacks: readonly Attack[];
  readonly isQuick: boolean;
  /** How long each attack goes on, in seconds; as long as it says itself unless set. */
  readonly seconds: number | undefined;
  /** One is started unless it is given. */
  readonly service: GivenService | undefined;
}

export const USAGE = `Usage: npm run attack -- [options]

Plays attacks against a service while a visitor goes on opening sessions, and prints a table of what came of each.
The exit code is 1 when the service did not hold. It starts a service of its own unless it is given one.

Options:
  --only <name,…>      these attacks (all)
  --quick              the short form, less than a minute
  --seconds <n>        how long each attack goes on (as long as it needs)
  --list               the attacks, and what each shows
  --help               this text

A service that runs already, on a loopback address:
  --http <host:port>   its public HTTP address
  --grpc <host:port>   its gRPC address
  --key <pk_live_…>    a widget key that opens sessions without an Origin header
  --tenant <slug>      the key's tenant (lakeside-books)
  --token <token>      an engine caller's token (none)
  --pid <n>            its process, to watch memory and descriptors (not watched)
  --log <file>         what its standard error goes to (not watched)
`;

/** Reads the arguments. @throws UsageError */
export function readCommand(args: readonly string[], known: readonly Attack[]): Command {
  const values = parse(args);
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  const isQuick = values.quick ?? false;
  const seconds = values.seconds === undefined ? undefined : secondsOf(values.seconds);
  const attacks =
    values.only === undefined
      ? known.filter(({ quickSeconds }) => !isQuick || quickSeconds !== undefined)
      : named(values.only, known);
  return { kind: 'attack', attacks, isQuick, seconds, service: givenService(values) };
}

type Values = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean' },
        seconds: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        http: { type: 'string' },
        grpc: { type: 'string' },
        key: { type: 'string' },
        tenant: { type: 'string' },
        token: { type: 'string' },
        pid: { type: 'string' },
        log: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function named(text: string, known: readonly Attack[]): Attack[] {
  return text.split(',').map((name) => {
    const attack = known.find((one) => one.name === name);
    if (attack) return attack;
    const names = known.map((one) => one.name).join(', ');
    throw new UsageError(`--only does not know ${JSON.stringify(name)}; there are ${names}.`);
  });
}

/** The longest that one attack may go on, in seconds. */
const MAX_SECONDS = 3_600;

function secondsOf(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw new UsageError(
    `--seconds must be a number above 0, ${MAX_SECONDS} at most, not ${JSON.stringify(text)}.`,
  );
}

function givenService(values: Values): GivenService | undefined {
  const { http, grpc, key, tenant = 'lakeside-books', token, pid, log } = values;
  if (http === undefined && grpc === undefined) {
    for (const name of ['key', 'tenant', 'token', 'pid', 'log'] as const) {
      if (values[name] !== undefined) throw new UsageError(`--${name} goes with --http and --grpc.`);
    }
    return undefined;
  }
  if (http === undefined || grpc === undefined || key === undefined) {
    throw new UsageError('A service that runs already needs --http, --grpc and --key.');
  }
  return {
    http: loopback('http', http),
    grpc: loopback('grpc', grpc),
    publicKey: key,
    tenant,
    engineToken: token,
    pid: pid === undefined ? undefined : pidOf(pid),
    log,
  };
}

function pidOf(text: string): number {
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (pid > 0) return pid;
  throw new UsageError(`--pid must be the number of a process, not ${JSON.stringify(text)}.`);
}

/** This is no tool to attack others with: only this machine's own addresses pass, and no names, which may change. */
function loopback(option: string, text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const isLoopback = (isIP(host) === 4 && host.startsWith('127.')) || host === '::1';
  if (isLoopback && Number(port) > 0 && Number(port) < 65_536) return { host, port: Number(port) };
  throw new UsageError(
    `--${option} must be a loopback address and a port, such as 127.0.0.1:8080, not ${JSON.stringify(text)}.`,
  );
}
