import { type FileHandle, open, rm } from 'node:fs/promises';
import { CliFailure, usageFailure } from '../failure.js';
import { type Paint, painter, visible } from './style.js';
import type { Terminal } from './terminal.js';

/** A secret that the service has made, with what it is for. It is shown this once. */
export interface MadeSecret {
  readonly tenant: string;
  /** The widget key's name. */
  readonly name: string;
  readonly widgetKeyId: string;
  readonly publicKey: string;
  readonly identitySecret: string;
}

/** Where new secrets go: the caller's terminal, or a file that only its owner can read. */
export interface SecretOutput {
  /** Whether secrets go to a file, and must not stand in the output beside. */
  readonly isFile: boolean;
  readonly write: (secret: MadeSecret) => Promise<void>;
  /** Closes the file, and removes it if no secret was made. */
  readonly close: () => Promise<void>;
}

type Output = Pick<Terminal, 'isTerminal' | 'print' | 'printError' | 'env'>;

/** Makes sure, before a secret is made, that it has a place to go: not a log that collects the output of scripts. */
export function requirePlace(
  { isTerminal }: Output,
  { out, json }: { out?: string | undefined; json?: boolean | undefined },
): void {
  if (out !== undefined || json || isTerminal) return;
  throw usageFailure(
    'an identity secret may be made, and standard output is no terminal: say --out FILE, or --json to get it there',
  );
}

/** Opens the output of secrets. A file is made with mode 0600; one that exists is refused. @throws CliFailure */
export async function openSecretOutput(output: Output, out: string | undefined): Promise<SecretOutput> {
  if (out === undefined) {
    const paint = painter(output);
    return {
      isFile: false,
      write: async (secret) => output.print(describe(secret, paint)),
      close: async () => {},
    };
  }
  const file = await openNew(out);
  let isEmpty = true;
  return {
    isFile: true,
    async write(secret) {
      isEmpty = false;
      try {
        await file.appendFile(`${JSON.stringify(secret)}\n`);
        await file.sync();
      } catch (error) {
        throw new CliFailure(
          `--out ${out}: ${String(error)}; raise identitySecretGeneration of ${secret.tenant}: ${secret.name} for another secret`,
        );
      }
    },
    async close() {
      await file.close();
      if (isEmpty) await rm(out, { force: true });
      else output.printError(`Secrets are in ${out}. They are not shown again.`);
    },
  };
}

/** Opens a file that does not exist yet, for its owner alone. @throws CliFailure */
export async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new CliFailure(
      isThere ? `--out ${path} is there already, and is not overwritten` : `--out: ${String(error)}`,
    );
  }
}

function describe({ tenant, name, identitySecret, widgetKeyId }: MadeSecret, paint: Paint): string {
  return [
    paint('bold', `New identity secret of ${visible(tenant)}: ${visible(name)}.`) +
      ' It is not shown again: keep it where the site signs its customer tokens.',
    `  HS256 secret, as it is   ${identitySecret}`,
    `  aud of the tokens        ${widgetKeyId}`,
  ].join('\n');
}
