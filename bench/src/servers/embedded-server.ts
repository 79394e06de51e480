/** The embedded server in a process of its own, so that contenders share one: `DATA_DIR` is its folder. */
import { startEmbedded } from 'chatsessions/embedded/start.js';

const server = await startEmbedded({ dataDir: process.env['DATA_DIR'] ?? '' });
const stop = async () => {
  await server.close();
  process.exit();
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.send?.(server.uri);
