/** The embedded server as a process of its own, so that contenders can share it. `DATA_DIR` is its folder. */
import { startEmbedded } from 'chatsessions/embedded/start.js';

const server = await startEmbedded({ dataDir: process.env['DATA_DIR'] ?? '' });
const stop = async () => {
  await server.close();
  process.exit();
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.send?.(server.uri);
