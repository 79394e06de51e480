import { type Place, withService } from '../servers/place.js';
import { shop } from './catalogue.js';
import { addShops, CONNECTIONS, type Curve, type Study } from './curve.js';
import { called, metricsOf, openRequest, sendOnce, warmUp } from './opens.js';
import { progress } from './request-curves.js';
import { inTurns, type Metrics } from './turns.js';

const TENANTS = [1, 10, 100, 1_000, 10_000];
const QUICK_TENANTS = [1, 100];

/** Opens by the number of tenants, whose keys are used in turn. */
export const tenants: Curve = {
  name: 'tenants',
  about: 'tenants, 1 to 10,000, each with a widget key in use; memory, and the time of a start',
  async measure(study) {
    const { databases, isQuick, rounds, print, onFailure, record } = study;
    const xs = isQuick ? QUICK_TENANTS : TENANTS;
    const places = new Map<number, Place>();
    try {
      await inTurns({
        xs,
        rounds,
        async measure(x, round) {
          if (round > 0) return measureStart(study, x, round, places.get(x));
          const place = await databases.create();
          places.set(x, place);
          await withService(place, () => addShops(place, shopsOf(x)));
          print(`tenants ${x}: written`);
          return {};
        },
        onFailure,
        onRound: record,
      });
    } finally {
      for (const place of places.values()) await place.remove();
    }
  },
};

function shopsOf(count: number) {
  return Array.from({ length: count }, (_, number) => shop(number));
}

/** Measures a new process each time, since memory and the time of a start depend on what the process did before. */
async function measureStart(study: Study, x: number, round: number, place?: Place): Promise<Metrics> {
  if (place === undefined) throw new Error('its tenants could not be written');
  const { load, rounds, ms, warmUpMs, print } = study;
  const requests = shopsOf(x).map(({ key }) => openRequest({ publicKey: key.publicKey }));
  const began = performance.now();
  return withService(place, async (server) => {
    for (const first of requests.slice(0, 1)) await sendOnce(server, first);
    const firstOpen = performance.now() - began;
    const call = { server, load, requests, connections: CONNECTIONS, ms };
    await warmUp(call, warmUpMs, x);
    const metrics = { ...metricsOf(await called(call)), firstOpen };
    print(`${progress('tenants', x, round, rounds, metrics)}, first open after ${Math.round(firstOpen)} ms`);
    return metrics;
  });
}
