import { suite } from '@chatsessions/test-harness';
import { decodeProtectedHeader } from 'jose';
import * as assert from 'uvu/assert';
import { newDatabaseName, openServer, type Server } from '../contract/server.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { listRequest, openRequest, refreshRequest } from '../harness/requests.js';
import { type EngineClient, engineClient, engineOutcome, getOnPublicPath } from './session-calls.js';

const test = suite('rotation of signing keys');

const PUBLIC_KEY = 'pk_live_00000000000000000000000000000001';
const SESSION_TTL = 3_600;
const RESUME_WINDOW = 86_400;

const SECRETS = { old: Buffer.alloc(32, 1), new: Buffer.alloc(32, 2) };
/** A keyring as the configuration has it: the first signs. */
type Keyring = readonly (keyof typeof SECRETS)[];

let server: Server;
test.before(async () => {
  server = await openServer();
});
test.after(() => server.close());

/** One process of the service. */
interface Process {
  readonly app: TestApp;
  readonly engine: EngineClient;
}

/** What a process gave out: all processes have to take it. */
interface Issued {
  readonly by: string;
  readonly sessionToken: string;
  readonly pageToken: string;
}

const open = openRequest({ publicKey: PUBLIC_KEY });
const refresh = refreshRequest({});
const list = listRequest({ tenant: 'acme', pageSize: 1 });

/** Two processes on one database, restarted one after the other, and a clock that both go by. */
async function withFleet(keyring: Keyring, body: (fleet: ReturnType<typeof fleetOf>) => Promise<void>) {
  const databaseName = newDatabaseName();
  const clock = { elapsed: 0 };
  const boot = async (keys: Keyring): Promise<Process> => {
    const app = await startTestApp({
      env: {
        MONGODB_URI: server.uri,
        MONGODB_DB: databaseName,
        SESSION_SIGNING_KEYS: keys.map((kid) => `${kid}:${SECRETS[kid].toString('base64')}`).join(','),
        SESSION_TTL: `${SESSION_TTL}s`,
        RESUME_WINDOW: `${RESUME_WINDOW}s`,
      },
      now: () => Date.now() + clock.elapsed * 1000,
    });
    return { app, engine: engineClient(app) };
  };
  const fleet = fleetOf([await boot(keyring), await boot(keyring)], boot, clock);
  try {
    await body(fleet);
  } finally {
    await fleet.close();
    await server.client.db(databaseName).dropDatabase();
  }
}

function fleetOf(
  processes: [Process, Process],
  boot: (keyring: Keyring) => Promise<Process>,
  clock: { elapsed: number },
) {
  const stop = async ({ app, engine }: Process) => {
    engine.close();
    await app.close();
  };
  return {
    processes,
    /** Lets seconds pass. */
    wait(seconds: number): void {
      clock.elapsed += seconds;
    },
    async restart(index: 0 | 1, keyring: Keyring): Promise<void> {
      await stop(processes[index]);
      processes[index] = await boot(keyring);
    },
    async close(): Promise<void> {
      await Promise.all(processes.map(stop));
    },
  };
}

async function issue({ engine }: Process, by: string): Promise<Issued> {
  await engine.openSession(open);
  const { sessionToken } = await engine.openSession(open);
  const { nextPageToken } = await engine.listConversations(list);
  assert.is.not(nextPageToken, '');
  return { by, sessionToken, pageToken: nextPageToken };
}

/** What a process says of each thing that was issued: `OK OK`, or why not. */
async function verdicts({ app, engine }: Process, { sessionToken, pageToken }: Issued): Promise<string> {
  const verified = await engineOutcome(engine.verifySession({ token: sessionToken, intentName: '' }));
  const page = await engineOutcome(engine.listConversations({ ...list, pageToken }));
  const browser = await getOnPublicPath(app, sessionToken);
  assert.is(verified.reason, browser.reason, 'the two surfaces disagree');
  return `${verified.reason ?? 'OK'} ${page.reason ?? 'OK'}`;
}

const kidOf = (token: string) => decodeProtectedHeader(token).kid;

test(
  'adding a key in front at once: a process that is not restarted yet refuses what the restarted one issues',
  () =>
    withFleet(['old'], async ({ processes, restart }) => {
      await restart(0, ['new', 'old']);
      const fromNew = await issue(processes[0], 'restarted');
      const fromOld = await issue(processes[1], 'not restarted');
      assert.is(await verdicts(processes[0], fromNew), 'OK OK');
      assert.is(await verdicts(processes[0], fromOld), 'OK OK');
      assert.is(await verdicts(processes[1], fromOld), 'OK OK');
      assert.is(await verdicts(processes[1], fromNew), 'invalid_session_token invalid_input');
      await restart(1, ['new', 'old']);
      assert.is(await verdicts(processes[1], fromNew), 'OK OK');
    }),
  { timeoutMs: 30_000 },
);

test(
  'adding it behind, moving it to the front, removing the old one: at every moment all take what any issued',
  () =>
    withFleet(['old'], async ({ processes, restart, wait }) => {
      let issued: Issued[] = [];
      const everybodyTakesEverything = async (moment: string) => {
        for (const [index, one] of processes.entries()) issued.push(await issue(one, `${index} ${moment}`));
        for (const [index, one] of processes.entries()) {
          for (const thing of issued) {
            assert.is(await verdicts(one, thing), 'OK OK', `${index} ${moment}, issued by ${thing.by}`);
          }
        }
      };

      await everybodyTakesEverything('before');
      const steps: readonly Keyring[] = [
        ['old', 'new'],
        ['new', 'old'],
      ];
      for (const keyring of steps) {
        for (const index of [0, 1] as const) {
          await restart(index, keyring);
          await everybodyTakesEverything(`with ${keyring}, ${index} restarted`);
        }
      }
      const kids = new Set(issued.map(({ sessionToken }) => kidOf(sessionToken)));
      assert.equal([...kids], ['old', 'new']);

      // What the old key signed is over by now, refreshes too.
      wait(SESSION_TTL + RESUME_WINDOW);
      issued = [];
      for (const index of [0, 1] as const) {
        await restart(index, ['new']);
        await everybodyTakesEverything(`without old, ${index} restarted`);
      }
    }),
  { timeoutMs: 60_000 },
);

test(
  'a token of the old key can be refreshed until SESSION_TTL + RESUME_WINDOW after the switch, into the new key',
  () =>
    withFleet(['old', 'new'], async ({ processes, restart, wait }) => {
      const { sessionToken: last, conversationId } = await processes[1].engine.openSession(open);
      assert.is(kidOf(last), 'old');
      await restart(0, ['new', 'old']);
      await restart(1, ['new', 'old']);

      wait(SESSION_TTL + RESUME_WINDOW - 60);
      for (const { engine } of processes) {
        const refreshed = await engine.refreshSession(refresh, last);
        assert.is(kidOf(refreshed.sessionToken), 'new');
        assert.is(refreshed.conversationId, conversationId);
        for (const other of processes) {
          const verified = await other.engine.verifySession({
            token: refreshed.sessionToken,
            intentName: '',
          });
          assert.is(verified.conversationId, conversationId);
        }
      }
      wait(60);
      for (const { engine } of processes) {
        const { reason, cause } = await engineOutcome(engine.refreshSession(refresh, last));
        assert.equal([reason, cause], ['invalid_session_token', 'expired']);
      }
    }),
  { timeoutMs: 30_000 },
);

test(
  'removing the old key too early: what it signed is refused, though it is still good',
  () =>
    withFleet(['new', 'old'], async ({ processes, restart }) => {
      await restart(1, ['old', 'new']);
      const fromOld = await issue(processes[1], 'old');
      await restart(0, ['new']);
      assert.is(await verdicts(processes[0], fromOld), 'invalid_session_token invalid_input');
      assert.is(await verdicts(processes[1], fromOld), 'OK OK');
    }),
  { timeoutMs: 30_000 },
);
