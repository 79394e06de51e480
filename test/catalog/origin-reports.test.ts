import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  emptyReport,
  type KeyReport,
  MAX_REPORTED,
  mergeReport,
  type OriginReportStore,
} from '../../src/catalog/key-report.js';
import { originPolicy } from '../../src/catalog/origin-policy.js';
import { createOriginReports } from '../../src/catalog/origin-reports.js';
import { createLog } from '../../src/telemetry/log.js';

const test = suite('origin reports');
const DAY_MS = 24 * 60 * 60 * 1000;

/** One store for several processes, and what makes it fail. */
function createRig() {
  const stored = new Map<string, KeyReport>();
  const keys = new Set(['k1', 'k2']);
  const state = { now: 100 * DAY_MS, elapsed: 1, isDown: false, writes: 0, beforeReplace: () => {} };
  const requireUp = () => {
    if (state.isDown) throw new Error('the database is down');
  };
  const store: OriginReportStore = {
    async findReport(keyId) {
      requireUp();
      return stored.get(keyId);
    },
    async insertReport(report) {
      requireUp();
      state.writes++;
      if (stored.has(report.keyId)) return false;
      stored.set(report.keyId, report);
      return true;
    },
    async replaceReport(report, expectedRevision) {
      requireUp();
      state.beforeReplace();
      state.writes++;
      if (stored.get(report.keyId)?.revision !== expectedRevision) return false;
      stored.set(report.keyId, report);
      return true;
    },
    async deleteReports(keyIds) {
      requireUp();
      for (const id of keyIds) stored.delete(id);
    },
  };
  const lines: string[] = [];
  const startProcess = () =>
    createOriginReports({
      store,
      keyExists: async (id) => keys.has(id),
      log: createLog('info', { write: (line: string) => lines.push(line) }),
      now: () => state.now,
      elapsed: () => state.elapsed,
    });
  return { stored, keys, state, lines, startProcess };
}

const viewOf = (keyId: string, originMode: 'report' | 'enforce' = 'report') => ({
  keyId,
  tenantSlug: 'acme',
  origins: originPolicy({ allowedOrigins: ['https://acme.com'], allowMissingOrigin: true, originMode }),
});

test('counts what no rule allows, in the mode report alone, and writes nothing until the flush', async () => {
  const { state, stored, startProcess } = createRig();
  const reports = startProcess();
  for (const origin of ['https://a.example', 'https://a.example', 'https://acme.com', undefined]) {
    reports.opened(viewOf('k1'), origin);
  }
  reports.opened(viewOf('k2', 'enforce'), 'https://a.example');
  assert.is(state.writes, 0);
  await reports.flush();
  await reports.flush();
  assert.is(state.writes, 1);
  assert.equal([...stored.keys()], ['k1']);
  const seen = { firstSeenAt: state.now, lastSeenAt: state.now };
  assert.equal((await reports.find('k1')).origins, [{ origin: 'https://a.example', count: 2, ...seen }]);
  assert.equal((await reports.find('k2')).origins, []);
});

test('several processes add up, also when they write at the same time', async () => {
  const { state, startProcess } = createRig();
  const processes = [startProcess(), startProcess(), startProcess()];
  for (let round = 0; round < 5; round++) {
    for (const [at, reports] of processes.entries()) {
      for (let n = 0; n <= at; n++) reports.opened(viewOf('k1'), 'https://a.example');
    }
    state.now += 1000;
    await Promise.all(processes.map((reports) => reports.flush()));
  }
  const [first] = (await startProcess().find('k1')).origins;
  assert.is(first?.count, 5 * (1 + 2 + 3));
});

test('what cannot be written is kept, logged, and written later', async () => {
  const { state, lines, startProcess } = createRig();
  const reports = startProcess();
  reports.opened(viewOf('k1'), 'https://a.example');
  state.isDown = true;
  await reports.flush();
  assert.is(lines.filter((line) => line.includes('origin reports not written')).length, 1);
  reports.opened(viewOf('k1'), 'https://a.example');
  state.isDown = false;
  assert.is((await reports.find('k1')).origins[0]?.count, 2);
});

test('a report that others always change first is kept for the next time', async () => {
  const { state, stored, startProcess } = createRig();
  const reports = startProcess();
  stored.set('k1', { ...emptyReport('k1'), revision: 1 });
  let others = 2;
  state.beforeReplace = () => void stored.set('k1', { ...emptyReport('k1'), revision: others++ });
  reports.opened(viewOf('k1'), 'https://a.example');
  await reports.flush();
  assert.is(others, 2 + 5, 'five attempts');
  state.beforeReplace = () => {};
  assert.is((await reports.find('k1')).origins[0]?.count, 1);
});

test('a deleted key has no report any more, and gets none from counts that came before', async () => {
  const { keys, stored, startProcess } = createRig();
  const [reports, other] = [startProcess(), startProcess()];
  reports.opened(viewOf('k1'), 'https://a.example');
  await reports.flush();
  reports.opened(viewOf('k1'), 'https://a.example');
  other.opened(viewOf('k1'), 'https://a.example');
  keys.delete('k1');
  await reports.deleteOriginReports(['k1']);
  await Promise.all([reports.flush(), other.flush()]);
  assert.is(stored.size, 0);
});

test('the log says once an hour and key that a key only reports', () => {
  const { lines, state, startProcess } = createRig();
  const reports = startProcess();
  const told = () => lines.filter((line) => line.includes('only reports origins')).length;
  for (let n = 0; n < 3; n++) reports.opened(viewOf('k1'), 'https://acme.com');
  assert.is(told(), 1);
  reports.opened(viewOf('k2'), 'https://acme.com');
  reports.opened(viewOf('k3', 'enforce'), 'https://acme.com');
  assert.is(told(), 2);
  state.elapsed += 60 * 60 * 1000 + 1;
  reports.opened(viewOf('k1'), 'https://acme.com');
  assert.is(told(), 3);
  assert.match(lines[0] ?? '', /"tenant":"acme","widgetKeyId":"k1"/);
});

test('invented origins are counted together, and do not hide one that comes often', async () => {
  const { startProcess } = createRig();
  const reports = startProcess();
  let opens = 0;
  const open = (origin: string) => {
    opens++;
    reports.opened(viewOf('k1'), origin);
  };
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 1_000; n++) open(`https://x${round}-${n}.example`);
    open('https://real.example');
    await reports.flush();
    open('https://real.example');
    for (let n = 0; n < 1_000; n++) open(`https://y${round}-${n}.example`);
    await reports.flush();
  }
  const { origins, otherCount } = await reports.find('k1');
  assert.is(origins.length, MAX_REPORTED);
  assert.is(origins[0]?.origin, 'https://real.example');
  assert.is(
    origins.reduce((sum, { count }) => sum + count, otherCount),
    opens,
    'every open is counted',
  );
});

test('memory is bounded by origins of all keys together', async () => {
  const { startProcess, keys } = createRig();
  const reports = startProcess();
  const ids = Array.from({ length: 200 }, (_, n) => `many-${n}`);
  for (const id of ids) {
    keys.add(id);
    for (let n = 0; n < 150; n++) reports.opened(viewOf(id), `https://n${n}.example`);
  }
  const last = await reports.find('many-199');
  assert.equal(last.origins, []);
  assert.is(last.otherCount, 150);
  assert.is((await reports.find('many-0')).origins.length, 100);
});

test('what has not come for 30 days is forgotten', () => {
  const now = 100 * DAY_MS;
  const of = (origin: string, days: number) => {
    const at = now - days * DAY_MS;
    return { origin, count: 1, firstSeenAt: at, lastSeenAt: at };
  };
  const report = {
    ...emptyReport('k'),
    origins: [of('old', 31), of('new', 29)],
    otherCount: 5,
    otherSeenAt: now - 31 * DAY_MS,
  };
  const merged = mergeReport(report, { origins: [], other: 0 }, now);
  assert.equal(
    merged.origins.map(({ origin }) => origin),
    ['new'],
  );
  assert.is(merged.otherCount, 0);
  const again = mergeReport(report, { origins: [of('old', 0)], other: 0 }, now);
  assert.is(again.origins.find(({ origin }) => origin === 'old')?.count, 2);
});

test('merging in any parts counts every open once and keeps at most 100 origins', () => {
  const seen = fc.record({
    origin: fc.integer({ min: 0, max: 300 }).map((n) => `https://o${n}.example`),
    count: fc.integer({ min: 1, max: 5 }),
    firstSeenAt: fc.constant(1_000),
    lastSeenAt: fc.integer({ min: 1_000, max: 2_000 }),
  });
  const part = fc.record({
    origins: fc.uniqueArray(seen, { selector: ({ origin }) => origin, maxLength: 200 }),
    other: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      let report = emptyReport('k');
      for (const one of parts) report = mergeReport(report, one, 2_000);
      const counted = report.origins.reduce((sum, { count }) => sum + count, report.otherCount);
      const sent = parts.reduce(
        (sum, { origins, other }) => sum + other + origins.reduce((of, { count }) => of + count, 0),
        0,
      );
      assert.is(counted, sent);
      assert.ok(report.origins.length <= MAX_REPORTED);
      assert.is(new Set(report.origins.map(({ origin }) => origin)).size, report.origins.length);
      assert.is(report.revision, parts.length);
    }),
    { numRuns: 200 },
  );
});
