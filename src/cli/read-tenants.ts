import { createReadStream } from 'node:fs';
import { toBinary } from '@bufbuild/protobuf';
import { parseTenantFile } from '../catalog/tenant-file.js';
import type { TenantSpec } from '../catalog/tenant-spec.js';
import { TenantDefinitionSchema } from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { splitDocuments, type YamlDocument } from '../yaml/documents.js';
import { YamlFileError } from '../yaml/yaml-file.js';
import { CliFailure, usageFailure } from './failure.js';
import { toTenantMessage } from './tenant-message.js';
import { progressBar } from './terminal/progress.js';
import type { Terminal } from './terminal/terminal.js';

/** A tenant that was read and checked. */
export interface ReadTenant {
  readonly slug: string;
  /** Its TenantDefinition in bytes: thousands of tenants are kept until all are checked. */
  readonly definition: Uint8Array;
  /** Whether applying it may make an identity secret. */
  readonly makesSecrets: boolean;
}

/** The most that all files may have, in bytes of definitions. */
const MAX_BYTES = 512 * 1024 * 1024;

/**
 * Reads tenant files, each a stream of YAML documents, and checks all of them.
 *
 * @throws CliFailure with all faults of the first bad document, by line; and for tenants that are named twice
 */
export async function readTenants(
  files: readonly string[],
  terminal: Pick<Terminal, 'stdin' | 'showsProgress' | 'writeError'>,
): Promise<readonly ReadTenant[]> {
  const tenants: ReadTenant[] = [];
  const places = new Map<string, string>();
  const claim = (thing: string, place: string) => {
    const earlier = places.get(thing);
    if (earlier !== undefined) throw new CliFailure(`${place}: ${thing} is in ${earlier} already`);
    places.set(copied(thing), place);
  };
  const progress = progressBar(terminal, {
    label: 'Checking',
    total: undefined,
    now: () => performance.now(),
  });
  let bytes = 0;
  try {
    for (const file of files) {
      const fileName = file === '-' ? 'standard input' : file;
      for await (const document of documentsOf(file, terminal)) {
        const place = `${fileName}:${document.firstLine + 1}`;
        for (const tenant of parse(document, fileName)) {
          claim(`tenant ${tenant.slug}`, place);
          for (const { publicKey } of tenant.widgetKeys) if (publicKey !== undefined) claim(publicKey, place);
          const definition = toBinary(TenantDefinitionSchema, toTenantMessage(tenant));
          bytes += definition.length;
          if (bytes > MAX_BYTES)
            throw new CliFailure(`${place}: these are more than 512 MiB: apply them in parts`);
          tenants.push({ slug: copied(tenant.slug), definition, makesSecrets: makesSecrets(tenant) });
          progress.show(tenants.length);
        }
      }
    }
    return tenants;
  } finally {
    progress.clear();
  }
}

async function* documentsOf(file: string, { stdin }: Pick<Terminal, 'stdin'>): AsyncGenerator<YamlDocument> {
  let count = 0;
  try {
    const chunks = file === '-' ? stdin.setEncoding('utf8') : createReadStream(file, 'utf8');
    for await (const document of splitDocuments(textOf(chunks))) {
      count += 1;
      yield document;
    }
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw usageFailure(`-f: ${error.message}`);
    throw error;
  }
  // The parser says what an empty file must have.
  if (count === 0) yield { text: '', firstLine: 0 };
}

async function* textOf(chunks: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const chunk of chunks) yield String(chunk);
}

function parse({ text, firstLine }: YamlDocument, fileName: string): readonly TenantSpec[] {
  try {
    return parseTenantFile(text, { fileName }).tenants;
  } catch (error) {
    if (!(error instanceof YamlFileError)) throw error;
    const problems = error.problems.map((problem) => ({ ...problem, line: problem.line + firstLine }));
    throw new CliFailure(new YamlFileError(fileName, problems).message);
  }
}

/** A copy of a text: V8 keeps a whole document as long as a text that was cut out of it. */
function copied(text: string): string {
  return Buffer.from(text).toString();
}

function makesSecrets({ widgetKeys }: TenantSpec): boolean {
  return widgetKeys.some(({ identity }) => identity !== 'off');
}
