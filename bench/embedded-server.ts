/** The embedded server in a process of its own, so that contenders share one: `DATA_DIR` is its folder. */
import { startEmbeddedMongo } from '@chatsessions/embedded-mongo';

const server = await startEmbeddedMongo({ dataDir: process.env['DATA_DIR'] ?? '' });
const stop = async () => {
  await server.close();
  process.exit();
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.send?.(server.uri);
