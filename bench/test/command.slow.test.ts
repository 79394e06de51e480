import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { bench } from './command.js';

const test = suite('bench: comparisons', { fileTimeoutMs: 240_000 });

/** Some of each group, and none of the peers, which have tests of their own. */
const ONLY = 'public-path,static-http,engine,static-grpc,insert-one,single,refused-bad-json';

test(
  '--quick shows that everything answers as it should, and writes the report',
  async () => {
    const json = join(await tempDir(), 'report.json');
    const { code, stdout, stderr } = await bench(['--quick', '--only', ONLY, '--json', json]);
    assert.is(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /== the embedded server ==/);
    assert.match(stdout, /public path \/ static node:http .*≥ 0\.6/);

    const report = JSON.parse(await readFile(json, 'utf8'));
    assert.is(report.version, 1);
    assert.ok(Date.now() - Date.parse(report.measuredAt) < 120_000, report.measuredAt);
    assert.is(report.machine.node, process.version);
    assert.equal(report.options, { rounds: 1, seconds: 0.4, connections: 64 });
    const [{ database, contenders, refused, ratios }, ...more] = report.databases;
    assert.equal([database, more], ['embedded', []]);
    assert.is(contenders.length, 8);
    for (const { name, answers, unexpected, rounds, rate } of contenders) {
      assert.ok(answers > 0 && unexpected === 0, `${name}: ${answers} and ${unexpected}`);
      assert.is(rounds.length, 1);
      assert.is(rate.median, rounds[0].rate);
    }
    assert.is(refused.length, 1);
    assert.is(ratios.length, 6);
  },
  { timeoutMs: 120_000 },
);

test(
  'without wrk and ghz the load comes from autocannon and from a process of its own',
  async () => {
    // Of what is refused, one answer ends its connection.
    const only = 'public-path,engine,refused-over-64-kib';
    const { code, stdout, stderr } = await bench(['--quick', '--only', only], { PATH: '/nowhere' });
    assert.is(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /load by autocannon \(1 process\) and own generator \(grpc-js, 1 process\)/);
  },
  { timeoutMs: 60_000 },
);
