import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  journalEnv,
  newSeed,
  openDisk,
  readJournal,
  seededRandom,
  suite,
  tempDir,
  whyNoJournal,
} from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, startService } from '../harness/service-process.js';
import { newKey, openAtLast } from './openers.js';

const test = suite('a power cut of the service');

const seed = newSeed();
const reason = whyNoJournal();

const first = 'a cut after the first open leaves a service that starts and answers the same session';

if (reason !== undefined) test.skip(first, reason);
else {
  test(
    first,
    async () => {
      const folder = await tempDir();
      const dataDir = join(folder, 'data');
      await mkdir(dataDir);
      const journal = journalEnv(folder, dataDir);
      const env = { DATA_DIR: dataDir, SEED_FILE: repoFile('test/cases/open-session.seed.yaml') };
      const before = await startService({ ...env, ...journal.env });
      const key = newKey();
      const acknowledged = await openAtLast(await httpUrlOf(before), key);
      before.child.kill('SIGKILL');
      await before.exited;

      // Names outlive the cut, as the journal of a file system keeps them; bytes only where they were synced.
      const records = readJournal(await readFile(journal.file));
      for (const name of await readdir(dataDir, { recursive: true })) {
        const path = join(dataDir, name);
        const status = await stat(path);
        // LMDB's lock file has nothing to keep: whoever comes first makes it anew.
        if (!status.isFile() || name.endsWith('.mdb-lock')) continue;
        const disk = openDisk(status.ino);
        for (const record of records) disk.apply(record);
        await writeFile(path, disk.cut(0, seededRandom(seed)));
      }

      const after = await startService(env);
      assert.equal(await openAtLast(await httpUrlOf(after), key), acknowledged);
      after.child.kill('SIGTERM');
      assert.is(await after.exited, 0);
    },
    { timeoutMs: 30_000 },
  );
}
