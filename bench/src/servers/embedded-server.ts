/** The embedded server as a process of its own, so that contenders can share it. `DATA_DIR` is its folder. */
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';

const server = await startEmbeddedMongo({ dataDir: process.env['DATA_DIR'] ?? '' });
const stop = async () => {
  await server.close();
  process.exit();
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.send?.(server.uri);
