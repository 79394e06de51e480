import { pathToFileURL } from 'node:url';
import { create, type DescMessage, toBinary } from '@bufbuild/protobuf';
import { newSeed, type SeededRandom, seededRandom } from '@chatsessions/test-harness';
import { publicRefusal } from '../../src/gateway/rest.js';
import { toStatus } from '../../src/grpc/status.js';
import { bridgeRequest } from '../../src/rpc/bridge.js';
import { readBinary, readJson } from '../../src/rpc/decode/decode.js';
import { numberViolations } from '../../src/rpc/decode/number-violations.js';
import { rulesBroken, ServiceError } from '../../src/rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../../src/rpc/limits.js';
import type { AnyRpc, AnyStreamRpc } from '../../src/rpc/rpc.js';
import { allRpcs } from './all-rpcs.js';
import { jsonValues } from './json-values.js';
import { wireFamilies } from './wire-values.js';

/** One family of bodies of one format, over all RPCs. */
export interface DecodeFuzzRow {
  /** Such as `binary, repetition: the Struct`. */
  readonly family: string;
  readonly bodies: number;
  /** The RPC and the bytes of the body that took longest. */
  readonly rpc: string;
  readonly bytes: number;
  /** What became of the bodies: `accepted`, or codes of the error table. */
  readonly outcomes: readonly string[];
  /** How long a body held the event loop, in ms: the best of its tries. */
  readonly maxMs: number;
  readonly medianMs: number;
}

/** Options of {@link decodeFuzz}. */
export interface DecodeFuzzOptions {
  readonly seed: number;
  /** How often a body is read: 3 times. Its best time counts, so that a busy machine is not taken for a slow body. */
  readonly tries?: number;
  /** The RPCs whose requests are read: all. */
  readonly rpcs?: readonly (AnyRpc | AnyStreamRpc)[];
}

/** The longest that one body may hold the event loop, in ms. */
export const MAX_HELD_MS = 20;

interface Body {
  readonly family: string;
  readonly rpc: AnyRpc | AnyStreamRpc;
  readonly bytes: Uint8Array;
  readonly isJson: boolean;
}

/**
 * Reads bodies that a stranger could send, each as costly as its size allows, as the pipeline does: shape, rules,
 * bridge. The same seed makes the same bodies.
 */
export function decodeFuzz({ seed, tries = 3, rpcs = allRpcs }: DecodeFuzzOptions): DecodeFuzzRow[] {
  const random = seededRandom(seed);
  const families = new Map<string, { body: Body; outcome: string; ms: number }[]>();
  for (const rpc of rpcs) {
    for (const body of bodiesOf(rpc, random)) {
      let ms = Number.POSITIVE_INFINITY;
      let outcome = '';
      // What takes seconds is not tried again.
      for (let attempt = 0; attempt < tries && (attempt === 0 || ms < 1_000); attempt++) {
        const elapsed = stopwatch();
        outcome = outcomeOf(body);
        ms = Math.min(ms, elapsed());
      }
      const taken = families.get(body.family) ?? [];
      families.set(body.family, [...taken, { body, outcome, ms }]);
    }
  }
  return [...families].map(([family, taken]) => {
    const slowest = taken.toSorted((a, b) => b.ms - a.ms);
    const [worst] = slowest;
    return {
      family,
      bodies: taken.length,
      rpc: worst?.body.rpc.method.name ?? '',
      bytes: worst?.body.bytes.length ?? 0,
      outcomes: [...new Set(taken.map(({ outcome }) => outcome))],
      maxMs: worst?.ms ?? 0,
      medianMs: slowest[Math.floor(slowest.length / 2)]?.ms ?? 0,
    };
  });
}

/**
 * The time since it was called, in ms: by the clock or, if that is less, the processor time of this process. The clock
 * counts what other processes take from it; the processor time counts the threads that collect garbage beside it.
 */
function stopwatch(): () => number {
  const start = performance.now();
  const used = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(used);
    return Math.min(performance.now() - start, (user + system) / 1_000);
  };
}

/** What the pipeline makes of a body, up to its handler. A refusal is written as the public path or gRPC answers it. */
function outcomeOf({ rpc, bytes, isJson }: Body): string {
  try {
    const message = isJson ? readJson(rpc.method.input, bytes) : readBinary(rpc.method.input, bytes);
    const violations = [...rpc.rules(message, 'chat'), ...numberViolations(message)];
    if (violations.length > 0) throw rulesBroken(violations);
    bridgeRequest(rpc, message);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (isJson) Buffer.from(publicRefusal(error));
    else toStatus(error);
    return error.code;
  }
}

/** Good values of the fields that rules look at first: so that a body gets as far as it can. */
const GOOD: Readonly<Record<string, string>> = {
  publicKey: 'pk_live_00000000000000000000000000000001',
  tenant: 'acme',
  conversationId: '01890a5d-ac96-774b-bcce-b302099a8057',
  token: 'x',
  customerId: 'u-42',
};

function* bodiesOf(rpc: AnyRpc | AnyStreamRpc, random: SeededRandom): Generator<Body> {
  const input: DescMessage = rpc.method.input;
  const good = Object.fromEntries(
    input.fields.flatMap(({ jsonName }) => (jsonName in GOOD ? [[jsonName, GOOD[jsonName]]] : [])),
  );
  for (const slot of [...input.fields.map(({ jsonName }) => jsonName), 'unknown']) {
    const { [slot]: _, ...others } = good;
    const start = `{${Object.entries(others)
      .map(([name, value]) => `"${name}":"${value}",`)
      .join('')}"${slot}":`;
    for (const [name, make] of Object.entries(jsonValues)) {
      const bytes = Buffer.from(`${start}${make(MAX_REQUEST_BYTES - start.length - 1, random)}}`);
      yield { family: `JSON, ${name}`, rpc, bytes, isJson: true };
      yield { family: `JSON, ${name}, cut off`, rpc, bytes: bytes.subarray(0, -1), isJson: true };
    }
  }
  const required = toBinary(input, create(input, good));
  for (const [name, make] of wireFamilies(input)) {
    const bytes = Buffer.concat([required, make(MAX_REQUEST_BYTES - required.length, random)]);
    yield { family: `binary, ${name}`, rpc, bytes, isJson: false };
  }
}

/** Prints the families, the slowest first. @returns the exit code: 1 when a body takes too long */
function main(args: readonly string[]): number {
  const seed = args[0] === undefined ? newSeed() : Number(args[0]);
  const rows = decodeFuzz({ seed }).sort((a, b) => b.maxMs - a.maxMs);
  console.table(
    rows.map(({ family, rpc, bodies, bytes, outcomes, maxMs, medianMs }) => ({
      ...{ family, slowest: rpc, bodies, bytes, outcome: outcomes.join('|') },
      ...{ 'max ms': Number(maxMs.toFixed(1)), 'median ms': Number(medianMs.toFixed(1)) },
    })),
  );
  const late = rows.filter(({ maxMs }) => maxMs > MAX_HELD_MS);
  const bodies = rows.reduce((sum, row) => sum + row.bodies, 0);
  process.stdout.write(
    `\nseed ${seed}: ${bodies} bodies, ${late.length} families over ${MAX_HELD_MS} ms (best of 3)\n`,
  );
  return late.length > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.exitCode = main(process.argv.slice(2));
