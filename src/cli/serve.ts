import { setTimeout } from 'node:timers/promises';
import { type Config, formatAddress, readConfig } from '../app/config.js';
import { whyNoDemo } from '../app/demo.js';
import { writeNewSecrets } from '../app/new-secrets.js';
import { type App, start } from '../app/start.js';
import type { AppliedTenant } from '../catalog/apply-tenants.js';
import { createLog } from '../telemetry/log.js';
import { demonstrate } from './demo.js';

/** How long an aborted start may take to release its resources, in ms. */
const ABORT_MS = 5_000;

/**
 * Runs the service until SIGTERM or SIGINT, or until the embedded server fails for good.
 *
 * @returns the exit code
 * @throws ConfigError, StartError
 */
export async function serve(
  env: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void,
): Promise<number> {
  const config = readConfig(env);
  const log = createLog(config.LOG_LEVEL);
  const stopSignal = new Promise<undefined>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined));
  });

  const onApplied = async (applied: AppliedTenant) => {
    for (const line of await writeNewSecrets(config, applied)) print(line);
  };
  const starting = start(config, { log, onApplied });
  const app = await Promise.race([starting, stopSignal]);
  if (!app) {
    print('Stopping.');
    // The start may hang. If it does not, what it has opened is closed before the exit.
    await Promise.race([
      starting.then((late) => late.close()).catch(() => {}),
      setTimeout(ABORT_MS, null, { ref: false }),
    ]);
    process.exit(1);
  }
  print(bannerOf(app));
  const noDemo = whyNoDemo(config);
  if (config.SEED_FILE === undefined && config.MONGODB_URI === undefined && noDemo !== undefined) {
    print(
      `  The demo tenant is not served, because ${noDemo}: name your tenants in SEED_FILE, or apply them.`,
    );
  }
  await runSelfTest(app, config, print);

  const failure = await Promise.race([stopSignal, app.failed]);
  if (failure) log.fatal({ err: failure }, 'cannot go on');
  print('Stopping.');
  await app.close();
  return failure ? 1 : 0;
}

/** Tests the service in demo mode, where its own requests need no engine token and no TLS. */
async function runSelfTest(app: App, config: Config, print: (text: string) => void): Promise<void> {
  const demoKey = app.isDemo ? app.applied[0]?.keys[0]?.publicKey : undefined;
  const isGuarded = config.ENGINE_API_TOKENS !== undefined || config.ENGINE_CALLERS_FILE !== undefined;
  if (demoKey === undefined || isGuarded || config.GRPC_TLS_CERT !== undefined) return;
  try {
    print(`\n${await demonstrate(app, demoKey)}\n`);
  } catch (error) {
    print(`\nStarted, but the self-test failed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function bannerOf({ addresses, applied, isDemo }: App): string {
  const made = applied.flatMap(({ slug, keys }) => {
    return keys.filter((key) => key.isNew).map((key) => `${slug}: ${key.label} ${key.publicKey}`);
  });
  return [
    'ChatSessions is up.',
    `  public HTTP and Connect  http://${formatAddress(addresses.http)}`,
    `  gRPC                     ${formatAddress(addresses.grpc)}`,
    ...(isDemo
      ? ['  It runs on its demo tenant and the embedded server: for development, demos and tests.']
      : []),
    ...made.map((line) => `  new widget key           ${line}`),
    ...applied.flatMap(describeFile).map((line) => `  tenant file              ${line}`),
  ].join('\n');
}

/** What a person may not expect of the tenant file: that it was not applied, or what it does not name. */
function describeFile({ slug, outcome, keptKeys, warnings }: AppliedTenant): string[] {
  if (outcome === 'skipped') {
    return [`${slug}: as last applied; changes that were made since by the API stay`];
  }
  return [
    ...keptKeys.map(
      (name) =>
        `${slug}: the widget key ${name} is not in the file, and works on (apply --prune disables it)`,
    ),
    ...warnings.map((warning) => `${slug}: ${warning}`),
  ];
}
