/** The process that fork-embedded.ts starts: a folder, and how long a message may stand still, in ms. */
import { startEmbedded } from '../../src/embedded/start.js';

const server = await startEmbedded({
  dataDir: process.argv[2] ?? '',
  stallMs: Number(process.argv[3]),
});
process.once('disconnect', () => process.exit());
process.once('message', async () => {
  await server.close();
  process.disconnect();
});
process.send?.(server.socketPath);
