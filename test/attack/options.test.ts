import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Attack } from './attack.js';
import { type AttackCommand, readCommand, UsageError } from './options.js';

const test = suite('attack: options');

const attack = (name: string, quickSeconds?: number): Attack => ({
  ...{ name, shows: 'something', seconds: 5, run: async () => ({ sent: '', seen: '', faults: [] }) },
  ...(quickSeconds !== undefined && { quickSeconds }),
});
const KNOWN = [attack('first', 1), attack('second'), attack('third', 1)];
const GIVEN = ['--http', '127.0.0.1:8080', '--grpc', '[::1]:50051', '--key', 'pk_live_x'];

function read(...args: readonly string[]): AttackCommand {
  const command = readCommand(args, KNOWN);
  if (command.kind !== 'attack') throw new Error(`read as ${command.kind}`);
  return command;
}

const namesOf = ({ attacks }: AttackCommand) => attacks.map(({ name }) => name);

test('nothing said: all attacks, as long as they need, against a service of its own', () => {
  const command = read();
  assert.equal(namesOf(command), ['first', 'second', 'third']);
  assert.equal([command.isQuick, command.seconds, command.service], [false, undefined, undefined]);
});

test('the short form leaves out what has none, unless it is named', () => {
  assert.equal(namesOf(read('--quick')), ['first', 'third']);
  assert.equal(namesOf(read('--quick', '--only', 'third,second')), ['third', 'second']);
});

test('a time for each attack', () => assert.is(read('--seconds', '0.5').seconds, 0.5));

test('help and list', () => {
  assert.is(readCommand(['--help'], KNOWN).kind, 'help');
  assert.is(readCommand(['-h'], KNOWN).kind, 'help');
  assert.is(readCommand(['--list'], KNOWN).kind, 'list');
});

test('a service that runs already', () => {
  assert.equal(read(...GIVEN, '--pid', '42', '--token', 't', '--tenant', 'acme', '--log', 'x').service, {
    http: { host: '127.0.0.1', port: 8080 },
    grpc: { host: '::1', port: 50_051 },
    publicKey: 'pk_live_x',
    tenant: 'acme',
    engineToken: 't',
    pid: 42,
    log: 'x',
  });
  assert.is(read(...GIVEN).service?.pid, undefined);
});

const REFUSED: readonly (readonly [args: readonly string[], sentence: RegExp])[] = [
  [['--only', 'first,fourth'], /^--only does not know "fourth"; there are first, second, third\.$/],
  [['--only='], /^--only does not know ""/],
  [['--seconds', '0'], /^--seconds must be a number above 0, 3600 at most, not "0"\.$/],
  [['--seconds', '3601'], /^--seconds must be/],
  [['--seconds', '1e3'], /^--seconds must be/],
  [['--fast'], /--fast/],
  [['first'], /first/],
  [['--http', '127.0.0.1:8080'], /needs --http, --grpc and --key/],
  [['--pid', '42'], /^--pid goes with --http and --grpc\.$/],
  [[...GIVEN, '--pid', 'self'], /^--pid must be the number of a process, not "self"\.$/],
  ...[
    '192.0.2.1:8080',
    'example.com:80',
    'localhost:8080',
    '0.0.0.0:8080',
    '[::]:8080',
    '[::ffff:192.0.2.1]:80',
    '127.example.com:80',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1',
    '',
  ].flatMap((address) =>
    (['http', 'grpc'] as const).map(
      (port) =>
        [
          [...GIVEN, `--${port}=${address}`],
          new RegExp(`^--${port} must be a loopback address and a port, such as 127\\.0\\.0\\.1:8080`),
        ] as const,
    ),
  ),
];
for (const [args, sentence] of REFUSED) {
  test(`refused: ${args.join(' ')}`, () => {
    try {
      readCommand(args, KNOWN);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match(String(error instanceof Error && error.message), sentence);
      return;
    }
    assert.unreachable('it was taken');
  });
}
