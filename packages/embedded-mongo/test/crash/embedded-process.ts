/** The process that fork-embedded.ts starts. Its arguments: the folder, and how long a message may stand still, in ms. */
import { startEmbeddedMongo } from '../../src/index.js';

try {
  const server = await startEmbeddedMongo({
    dataDir: process.argv[2] ?? '',
    stallMs: Number(process.argv[3]),
  });
  process.once('disconnect', () => process.exit());
  process.once('message', async () => {
    await server.close();
    process.disconnect();
  });
  process.send?.(server.socketPath);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
