import { randomBytes } from 'node:crypto';
import type { Conversation } from 'chatsessions/conversations/conversation.js';
import { createSessionTokens } from 'chatsessions/sessions/token.js';
import type { HttpRequest } from '../load/http.js';
import { withPlace, withService } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';
import { shop } from './catalogue.js';
import { CONNECTIONS, type Curve, type Study } from './curve.js';
import { called, getRequest, metricsOf, openRequest, warmUp } from './opens.js';
import { progress } from './request-curves.js';
import { type Side, startSide } from './stored-side.js';
import { inTurns, type Metrics, type Point } from './turns.js';

const LEVELS = [0, 10_000, 100_000, 1_000_000, 2_500_000, 5_000_000];
const QUICK_LEVELS = [0, 2_000];
const SHOPS = Array.from({ length: 50 }, (_, number) => shop(number));
/** Opens of many customers, in turn. */
const OPENS = Array.from({ length: 1_000 }, (_, number) => {
  const publicKey = SHOPS[number % SHOPS.length]?.key.publicKey ?? '';
  return openRequest({ publicKey, customerId: `u-${number}` });
});
/** The number of sessions that are looked up in turn. */
const LOOK_UPS = 2_000;
/** The lifetime of tokens, longer than the measurement. */
const TOKEN_S = 86_400;

/** Opens and look-ups by the number of stored conversations, beside an empty database in the same rounds. */
export const stored: Curve = {
  name: 'stored',
  about: 'stored conversations, 0 to 5 million, beside an empty database in the same rounds',
  async measure(study) {
    const { databases, isQuick, print } = study;
    if (databases.isEmbedded && study.stored === undefined && !isQuick) {
      study.skip('needs a real server (MONGODB_URI), or numbers for the embedded one (--stored 0,10000)');
      return;
    }
    const levels = [...(study.stored ?? (isQuick ? QUICK_LEVELS : LEVELS))].sort((a, b) => a - b);
    const end = Date.now();
    const history = { shops: SHOPS, total: Math.max(...levels, 1), end };

    const signingKey = { kid: 'bench', secret: randomBytes(32) };
    const tokens = createSessionTokens([signingKey]);
    // Signs a new token, as RefreshSession does.
    const getSession = ({ id, tenantId, keyId, session: { jti } }: Conversation) => {
      const iat = Math.floor(end / 1_000);
      return getRequest(tokens.sign({ conversationId: id, tenantId, keyId, jti, iat, exp: iat + TOKEN_S }));
    };

    const withSide = (work: (side: Side) => Promise<void>) =>
      withPlace(databases, (place) => {
        const begin = async (server: ServerProcess) => {
          const side = await startSide(place, server, history, print);
          await warmUp({ ...callOf(study), server, requests: OPENS }, study.warmUpMs);
          await side.empty();
          await work(side);
        };
        const env = { SESSION_SIGNING_KEYS: `${signingKey.kid}:${signingKey.secret.toString('base64')}` };
        return withService(place, begin, env);
      });
    await withSide((filled) =>
      withSide((empty) => measureLevels(levels, { study, filled, empty, getSession })),
    );
  },
};

/** The two services: on the database that is filled, and on an empty one of the same server. */
interface Sides {
  readonly study: Study;
  readonly filled: Side;
  readonly empty: Side;
  readonly getSession: (conversation: Conversation) => HttpRequest;
}

async function measureLevels(levels: readonly number[], sides: Sides): Promise<void> {
  const { study, filled } = sides;
  const until = performance.now() + study.fillMs;
  const points: Point[] = [];
  for (const level of levels) {
    const [point] = await inTurns({
      xs: [level],
      rounds: study.rounds,
      async measure(_x, round) {
        await filled.fillTo(level, until);
        return measureBoth(level, round, sides);
      },
      onFailure: study.onFailure,
      onRound: (now) => study.record([...points, ...now]),
    });
    if (point) points.push(point);
  }
}

/** Measures opens on both sides, and look-ups when something is stored. */
async function measureBoth(level: number, round: number, sides: Sides): Promise<Metrics> {
  const { study, filled, empty, getSession } = sides;
  const known = level === 0 ? [] : filled.sample(LOOK_UPS);
  const lookUps = known.map(getSession);
  const measure = async (side: Side) => {
    const call = { ...callOf(study), server: side.server };
    if (side === empty) await side.empty();
    const opens = await called({ ...call, requests: OPENS });
    side.opened(opens.answers);
    if (known.length === 0) return { ...metricsOf(opens), lookUpRate: Number.NaN };
    if (side === empty) await side.add(known);
    return { ...metricsOf(opens), lookUpRate: (await called({ ...call, requests: lookUps })).rate };
  };
  const inOrder = round % 2 ? [filled, empty] : [empty, filled];
  const results = new Map<Side, Metrics>();
  for (const side of inOrder) results.set(side, await measure(side));

  const {
    rate: emptyRate = 0,
    cpu: emptyCpu = 0,
    lookUpRate: emptyLookUpRate = 0,
  } = results.get(empty) ?? {};
  const metrics = { rate: 0, lookUpRate: 0, ...results.get(filled), emptyRate, emptyCpu, emptyLookUpRate };
  const ratio = metrics.rate / emptyRate;
  const lookUpRatio = metrics.lookUpRate / emptyLookUpRate;
  const beside = `empty ${Math.round(emptyRate)}/s, ratio ${ratio.toFixed(3)}, look-ups ${lookUpRatio.toFixed(3)}`;
  study.print(`${progress('stored', level, round, study.rounds, metrics)}; ${beside}`);
  return { ...metrics, ratio, lookUpRatio };
}

function callOf({ load, ms }: Study) {
  return { load, ms, connections: CONNECTIONS };
}
