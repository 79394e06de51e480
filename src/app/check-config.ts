import { parseTenantFile } from '../catalog/tenant-file.js';
import { YamlFileError } from '../yaml/yaml-file.js';
import { type Config, ConfigError, describeSettings, readConfig, type Setting } from './config.js';
import { readEngineCallers, readGrpcCredentials } from './engine-callers.js';
import { readSecretFiles } from './secret-files.js';
import { StartError } from './start-error.js';
import { readText } from './text-file.js';

/** What a service would run with. */
export interface CheckedConfig {
  readonly settings: readonly Setting[];
  /** All problems, a sentence each; empty when the service would start. */
  readonly problems: readonly string[];
}

/** Checks a configuration and the files that it names, as a start does, without a database and without listening. */
export async function checkConfig(env: Readonly<Record<string, string | undefined>>): Promise<CheckedConfig> {
  // Once: a file may be a pipe, which can be read only once.
  const resolved = readSecretFiles(env);
  const settings = describeSettings(env, resolved);
  let config: Config;
  try {
    config = readConfig(env, resolved);
  } catch (error) {
    if (error instanceof ConfigError) return { settings, problems: error.message.split('\n') };
    throw error;
  }
  const checks = [
    () => readEngineCallers(config),
    () => readGrpcCredentials(config),
    () => readTenantFile(config),
  ];
  const problems: string[] = [];
  for (const check of checks) {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof StartError || error instanceof YamlFileError)) throw error;
      problems.push(...error.message.split('\n'));
    }
  }
  return { settings, problems };
}

async function readTenantFile({ SEED_FILE }: Config): Promise<void> {
  if (SEED_FILE === undefined) return;
  parseTenantFile(await readText('SEED_FILE', SEED_FILE), { fileName: SEED_FILE });
}
