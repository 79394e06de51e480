import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { readGhz } from '../src/load/ghz.js';
import { readWrk, wrkScript } from '../src/load/wrk.js';

const wrk = suite('bench: what wrk prints');

const WRK_OUTPUT = `Running 2s test @ http://127.0.0.1:9911/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.81ms    1.92ms  51.02ms   98.42%
  48525 requests in 2.00s, 167.35MB read
Requests/sec:  24233.34

{"us": 2000000, "broken": 3, "p50": 2473, "p99": 5970, "max": 51022, "statuses": {"200": 4000, "422": 500, "503": 7}}
`;

wrk('answers of the expected status are counted apart from the others', () => {
  assert.equal(readWrk(WRK_OUTPUT, 200), {
    ...{ rate: 2_000, answers: 4_000, unexpected: 510 },
    ...{ p50: 2.473, p99: 5.97, max: 51.022 },
  });
});

wrk('another status can be the expected one', () => {
  const { rate, answers, unexpected } = readWrk(WRK_OUTPUT, 422);
  assert.equal({ rate, answers, unexpected }, { rate: 250, answers: 500, unexpected: 4_010 });
});

wrk('without an answer', () => {
  const output = '{"us": 500000, "broken": 64, "p50": 0, "p99": 0, "max": 0, "statuses": {}}\n';
  const { rate, answers, unexpected } = readWrk(output, 200);
  assert.equal({ rate, answers, unexpected }, { rate: 0, answers: 0, unexpected: 64 });
});

wrk('output without a result says so', () => {
  assert.throws(() => readWrk('unable to connect\n', 200), /wrk printed no result: unable to connect/);
});

wrk('requests stand in the script byte by byte', () => {
  const script = wrkScript([Buffer.from('A "b"\\\r\n\0\u00e9', 'latin1'), Buffer.from([0xff, 0x31])]);
  assert.match(script, '  "A \\034b\\034\\092\\013\\010\\000\\233",\n  "\\2551",\n');
});

const ghz = suite('bench: what ghz prints');

const GHZ_OUTPUT = {
  date: '2026-01-01T00:00:00Z',
  endReason: 'timeout',
  count: 500,
  total: 500_000_000,
  average: 39_000_000,
  fastest: 1_000_000,
  slowest: 354_511_709,
  rps: 1_000,
  errorDistribution: { 'rpc error: code = Unavailable desc = stopping': 20 },
  statusCodeDistribution: { OK: 480, Unavailable: 20 },
  latencyDistribution: [
    { percentage: 10, latency: 12_000_000 },
    { percentage: 50, latency: 39_020_269 },
    { percentage: 99, latency: 353_822_744 },
  ],
};

ghz('answers that are OK are counted apart from the others', () => {
  assert.equal(readGhz(JSON.stringify(GHZ_OUTPUT)), {
    ...{ rate: 960, answers: 480, unexpected: 20 },
    ...{ p50: 39.020269, p99: 353.822744, max: 354.511709 },
  });
});

ghz('without an answer', () => {
  const output = {
    ...GHZ_OUTPUT,
    slowest: 0,
    statusCodeDistribution: { Unavailable: 9 },
    latencyDistribution: null,
  };
  assert.equal(readGhz(JSON.stringify(output)), {
    ...{ rate: 0, answers: 0, unexpected: 9 },
    ...{ p50: 0, p99: 0, max: 0 },
  });
});
