import { appendFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppliedTenant } from '../catalog/apply-tenants.js';
import type { Config } from './config.js';
import { makeDataFolder } from './keys.js';
import { messageOf } from './start-error.js';

/** The file in DATA_DIR to which a start appends the identity secrets that it makes. */
const FILE = 'new-identity-secrets.jsonl';

/**
 * Writes the identity secrets that applying a tenant has made to a file in DATA_DIR that only its owner can read.
 * Standard output is mostly collected as a log, where a secret must not be. They are stored encrypted and cannot be
 * read again.
 *
 * @returns the lines to print: where the secrets are, or how to get others
 */
export async function writeNewSecrets(
  config: Config,
  { slug, keys }: AppliedTenant,
): Promise<readonly string[]> {
  const made = keys.filter(({ identitySecret }) => identitySecret !== undefined);
  if (made.length === 0) return [];
  const path = join(config.DATA_DIR, FILE);
  const whose = made.map(({ name }) => `${slug}: ${name}`).join(', ');
  try {
    await makeDataFolder(config);
    for (const { id, name, publicKey, identitySecret } of made) {
      const secret = { tenant: slug, name, widgetKeyId: id, publicKey, identitySecret };
      await appendFile(path, `${JSON.stringify(secret)}\n`, { mode: 0o600, flush: true });
    }
    await chmod(path, 0o600);
    return [
      `New identity secret of ${whose}: in ${path}, which only its owner can read. Move it to where the site signs.`,
    ];
  } catch (error) {
    return [
      `New identity secret of ${whose} could not be written to ${path} (${messageOf(error)}): ` +
        'raise identitySecretGeneration of the widget key, and apply the file with `chatsessions apply --out FILE`.',
    ];
  }
}
