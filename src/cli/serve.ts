import { type App, formatAddress, start } from '../app.js';
import { readConfig } from '../config.js';
import { createLog } from '../telemetry/log.js';
import { demonstrate } from './demo.js';

/**
 * Runs the service until it is told to stop (SIGTERM, SIGINT) or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, StartError
 */
export async function serve(env: NodeJS.ProcessEnv, print: (text: string) => void): Promise<number> {
  const config = readConfig(env);
  const log = createLog(config.LOG_LEVEL);
  const told = new Promise<undefined>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined));
  });

  const app = await start(config, { log });
  print(banner(app));
  const demoKey = app.isDemo ? app.applied[0]?.keys[0]?.publicKey : undefined;
  if (demoKey !== undefined && config.ENGINE_API_TOKENS === undefined && config.GRPC_TLS_CERT === undefined) {
    print(`\n${await demonstrate(app, demoKey)}\n`);
  }

  const failure = await Promise.race([told, app.failed]);
  if (failure) log.fatal({ err: failure }, 'cannot go on');
  print('Stopping.');
  await app.close();
  return failure ? 1 : 0;
}

function banner({ addresses, applied, isDemo }: App): string {
  const made = applied.flatMap(({ slug, keys }) => {
    return keys
      .filter((key) => key.outcome === 'created')
      .map((key) => `${slug}: ${key.label} ${key.publicKey}`);
  });
  return [
    'ChatSessions is up.',
    `  public HTTP and Connect  http://${formatAddress(addresses.http)}`,
    `  gRPC                     ${formatAddress(addresses.grpc)}`,
    ...(isDemo
      ? ['  It runs on its demo tenant and the embedded server: for development, demos and tests.']
      : []),
    ...made.map((line) => `  new widget key           ${line}`),
  ].join('\n');
}
