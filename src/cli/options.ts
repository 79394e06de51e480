import { type Command, InvalidArgumentError, Option } from 'commander';

/** The options of every command that asks a running service. */
export interface ConnectionOptions {
  readonly addr?: string;
  readonly tokenFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Adds the connection options, `--json` and an example to a command. */
export function withConnection(command: Command, example: string): Command {
  return withExample(
    command
      .optionsGroup('Connection:')
      .option('--addr <host:port>', 'the gRPC address of the service, or CHATSESSIONS_ADDR (127.0.0.1:50051)')
      .option(
        '--token-file <file>',
        'file with the engine token; or CHATSESSIONS_TOKEN_FILE, or the token in CHATSESSIONS_TOKEN',
      )
      .option('--tls', 'use TLS, with the authorities that Node trusts')
      .option('--tls-ca <file>', 'PEM file: the authority of the service (CHATSESSIONS_TLS_CA)')
      .option('--tls-cert <file>', 'PEM file: your client certificate (CHATSESSIONS_TLS_CERT)')
      .option('--tls-key <file>', 'PEM file: its private key (CHATSESSIONS_TLS_KEY)')
      .addOption(new Option('--timeout <seconds>', 'time limit of a call (30)').argParser(positive))
      .option('--json', 'print JSON for scripts: one document, or a line for each item of a stream'),
    example,
  );
}

/** Adds an example to a command's help. */
export function withExample(command: Command, example: string): Command {
  const lines = example.split('\n').map((line) => `  ${line}`);
  return command.addHelpText('after', `\nExample:\n${lines.join('\n')}`);
}

/** Parses a whole number above 0. */
export function positive(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Parses a duration such as 90s, 15m, 1h or 7d, in seconds. */
export function duration(text: string): number {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw new InvalidArgumentError('It must be a duration such as 90s, 15m, 1h or 7d.');
  return Number(amount) * (units[unit] ?? 0);
}

/** Parses a time of RFC 3339. */
export function instant(text: string): Date {
  const time = new Date(text);
  if (
    !/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) ||
    Number.isNaN(time.getTime())
  )
    throw new InvalidArgumentError('It must be a time such as 2027-01-01T00:00:00Z.');
  return time;
}

/** Parses a JSON object. */
export function jsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {}
  if (!isObject(value)) throw new InvalidArgumentError('It must be a JSON object.');
  return value;
}

type JsonValue = number | string | boolean | null | JsonObject | JsonValue[];
/** A JSON object. */
export interface JsonObject {
  [key: string]: JsonValue;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
