/**
 * Whether a service with a million stored conversations opens as fast as one with none, on the server that
 * MONGODB_URI names: `node dist/test/contract/million.js`. Not part of `npm test`: the fill takes minutes.
 *
 * ROWS (1,000,000), ROUNDS (7) and ROUND_MS (3,000) are environment variables.
 */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { v7 as uuidV7 } from 'uuid';
import type { ConversationStore } from '../../src/conversations/conversation.js';
import { mongoConversations } from '../../src/mongo/conversations.js';
import { type ConversationDocument, type Database, openDatabase } from '../../src/mongo/database.js';
import { type StoredUuid, toStored } from '../../src/mongo/stored-uuid.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { newConversation } from './rows.js';

/** What the issue asks for: opens with the rows there, over opens without. */
const BAR = 0.9;
const CUSTOMERS = 100_000;
const TENANTS = Array.from({ length: 20 }, () => uuidV7());
const KEY = uuidV7();
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

interface Side {
  readonly name: 'empty' | 'filled';
  readonly database: Database;
  readonly store: ConversationStore;
  /** A service on the same database. */
  readonly service: TestApp;
}

/** One thing that is measured: how often a second it is done, by so many callers. */
interface Measure {
  readonly name: string;
  readonly bar?: number;
  readonly atATime: number;
  /** The rows that the empty side has at the start of a round: something to find, or none. */
  readonly emptyRows: 0 | 1_000;
  once(side: Side): Promise<unknown>;
}

const uri = process.env['MONGODB_URI'];
if (!uri) throw new Error('MONGODB_URI names the server to measure on');
await main(uri, numberOf('ROWS', 1_000_000), numberOf('ROUNDS', 7), numberOf('ROUND_MS', 3_000));

async function main(server: string, rows: number, rounds: number, roundMs: number): Promise<void> {
  const filled = await openSide('filled', server);
  try {
    const known = await fill(filled.database, rows);
    const withEmpty = async (count: number, body: (side: Side) => Promise<void>): Promise<void> => {
      const side = await openSide('empty', server);
      try {
        const { conversations } = side.database;
        if (count > 0) await conversations.insertMany(known.slice(0, count), { ordered: false });
        await body(side);
      } finally {
        await drop(side);
      }
    };
    report(await measure(filled, withEmpty, measures(known), rounds, roundMs), rows);
  } finally {
    agent.destroy();
    await drop(filled);
  }
}

async function openSide(name: Side['name'], server: string): Promise<Side> {
  const databaseName = `million_${name}_${randomBytes(6).toString('hex')}`;
  const database = await openDatabase(server, databaseName);
  const service = await startTestApp({ env: { MONGODB_DB: databaseName, LOG_LEVEL: 'error' } });
  return { name, database, service, store: mongoConversations(database, Date.now) };
}

async function drop({ database, service }: Side): Promise<void> {
  await service.close();
  await database.db.dropDatabase();
  await database.close();
}

/** Writes the conversations of a busy service, 1,000 at a time; answers a sample of them. */
async function fill({ conversations }: Database, rows: number): Promise<ConversationDocument[]> {
  const sample: ConversationDocument[] = [];
  const startedAt = performance.now();
  for (let done = 0; done < rows; ) {
    const batches = Array.from({ length: 2 }, () => Array.from({ length: 1_000 }, document));
    await Promise.all(batches.map((batch) => conversations.insertMany(batch, { ordered: false })));
    for (const batch of batches) sample.push(...batch.slice(0, Math.ceil(20_000_000 / rows)));
    done += 2_000;
    if (done % 100_000 === 0) {
      console.log(`${done} rows after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
    }
  }
  return sample;
}

/** A conversation as the service stores it, of one of many customers. */
function document(): ConversationDocument {
  const at = new Date(Date.now() - Math.floor(Math.random() * 80 * 86_400_000));
  return {
    _id: toStored(uuidV7()),
    tenantId: toStored(one(TENANTS)),
    keyId: toStored(KEY),
    customerId: `customer-${Math.floor(Math.random() * CUSTOMERS)}`,
    locale: 'en-GB',
    variables: {
      cart_total: 129,
      currency: 'EUR',
      page: '/products/a-page-of-the-shop',
      items: ['a-1', 'b-2'],
    },
    origin: 'https://shop.example',
    surface: 'chat',
    session: { jti: randomBytes(16).toString('base64url'), iat: at, exp: new Date(at.getTime() + 3_600_000) },
    createdAt: at,
    updatedAt: at,
    purgeAt: new Date(Date.now() + 90 * 86_400_000),
    revision: 1,
  };
}

function measures(known: readonly ConversationDocument[]): readonly Measure[] {
  const inTime = () => Date.now() + 60_000;
  const open = ({ store }: Side) => {
    const { tenantId, customerId } = one(known);
    const now = Date.now();
    return store.insert(
      newConversation({
        tenantId: tenantId.toUUID().toHexString(),
        customerId,
        variables: { cart_total: 129, currency: 'EUR' },
        createdAt: now,
        updatedAt: now,
        purgeAt: now + 90 * 86_400_000,
      }),
      inTime(),
    );
  };
  const id = ({ name }: Side): StoredUuid => one(name === 'filled' ? known : known.slice(0, 1_000))._id;
  return [
    { name: 'opens over HTTP, 64 connections', bar: BAR, atATime: 64, emptyRows: 0, once: openOverHttp },
    {
      name: 'opens by 40 callers of the store alone, in group commits',
      atATime: 40,
      emptyRows: 0,
      once: open,
    },
    { name: 'opens by one caller of the store alone', atATime: 1, emptyRows: 0, once: open },
    {
      name: 'look-ups by _id',
      atATime: 8,
      emptyRows: 1_000,
      once: (side) => side.database.conversations.findOne({ _id: id(side) }),
    },
    {
      name: "a customer's 20 newest",
      atATime: 8,
      emptyRows: 1_000,
      once: ({ name, database }) => {
        const { tenantId, customerId = '' } = one(name === 'filled' ? known : known.slice(0, 1_000));
        const newest = database.conversations.find(
          { tenantId, customerId },
          { sort: { createdAt: -1 }, limit: 20 },
        );
        return newest.toArray();
      },
    },
  ];
}

/** An open as a browser sends it, by one of many customers. */
async function openOverHttp({ service }: Side): Promise<void> {
  const status = await new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', Origin: 'https://acme.com' };
    const path = `${service.httpUrl}/api/public/v1/chat/sessions`;
    const sent = request(path, { method: 'POST', agent, headers }, (answer) => {
      answer.on('end', () => resolve(answer.statusCode)).resume();
    });
    sent.on('error', reject).end(
      JSON.stringify({
        publicKey: 'pk_live_00000000000000000000000000000001',
        customerId: `customer-${Math.floor(Math.random() * CUSTOMERS)}`,
        locale: 'en-GB',
        variables: { cart_total: 129, currency: 'EUR' },
      }),
    );
  });
  if (status !== 200) throw new Error(`an open was answered ${status}`);
}

/**
 * Rates by measure and side: the two take turns, and so does who begins. The empty side is a new database each time,
 * so that it is empty.
 */
async function measure(
  filled: Side,
  withEmpty: (rows: number, body: (side: Side) => Promise<void>) => Promise<void>,
  all: readonly Measure[],
  rounds: number,
  roundMs: number,
): Promise<ReadonlyMap<Measure, Readonly<Record<Side['name'], number[]>>>> {
  const results = new Map(all.map((one) => [one, { empty: [] as number[], filled: [] as number[] }]));
  for (let round = 0; round <= rounds; round++) {
    for (const [one, rates] of results) {
      const turn = async (side: Side) => {
        const rate = await rateOf(one, side, roundMs);
        // The first round warms up.
        if (round > 0) rates[side.name].push(rate);
        const label = round === 0 ? 'warm-up' : `round ${round}`;
        console.log(`${label}: ${one.name}, ${side.name}: ${rate.toFixed(0)}/s`);
      };
      if (round % 2 === 0) await withEmpty(one.emptyRows, turn);
      await turn(filled);
      if (round % 2 === 1) await withEmpty(one.emptyRows, turn);
    }
  }
  return results;
}

async function rateOf({ atATime, once }: Measure, side: Side, ms: number): Promise<number> {
  const startedAt = performance.now();
  const end = startedAt + ms;
  let done = 0;
  const caller = async () => {
    for (; performance.now() < end; done++) await once(side);
  };
  await Promise.all(Array.from({ length: atATime }, caller));
  return done / ((performance.now() - startedAt) / 1000);
}

function report(results: Awaited<ReturnType<typeof measure>>, rows: number): void {
  for (const [{ name, bar }, { empty, filled }] of results) {
    const ratio = median(filled) / median(empty);
    const verdict = bar === undefined ? '' : `, bar ${bar}: ${ratio >= bar ? 'met' : 'MISSED'}`;
    console.log(
      `${name}: ${median(empty).toFixed(0)}/s at 0 rows, ${median(filled).toFixed(0)}/s at ${rows} rows, ` +
        `ratio ${ratio.toFixed(3)} (medians of ${empty.length} rounds)${verdict}`,
    );
    if (bar !== undefined && ratio < bar) process.exitCode = 1;
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1);
  return (low + high) / 2;
}

function one<T>(of: readonly T[]): T {
  const item = of[Math.floor(Math.random() * of.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

function numberOf(variable: string, fallback: number): number {
  return Number(process.env[variable] ?? fallback);
}
