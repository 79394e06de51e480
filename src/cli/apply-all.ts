import { fromBinary } from '@bufbuild/protobuf';
import {
  type ApplyTenantResponse,
  TenantDefinitionSchema,
} from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import type { ApplyOptions } from './apply-options.js';
import type { Context, Remote } from './context.js';
import { describeChanges, isWritten } from './diff.js';
import { CliFailure } from './failure.js';
import { inOrder } from './in-order.js';
import type { ReadTenant } from './read-tenants.js';
import { progressBar } from './terminal/progress.js';
import { openSecretOutput, type SecretOutput } from './terminal/secrets.js';
import { painter } from './terminal/style.js';

/** With more tenants than this their changes are counted, and printed with --verbose only. */
const MANY = 20;

/** Applies tenants, several at a time, in their order. @throws CliFailure at the first refusal, with what was applied */
export async function applyAll(
  tenants: readonly ReadTenant[],
  options: ApplyOptions,
  { api, context }: { readonly api: Remote; readonly context: Context },
): Promise<void> {
  const secrets = await openSecretOutput(context, options.dryRun ? undefined : options.out);
  const label = options.dryRun ? 'Comparing' : 'Applying';
  const progress = progressBar(context, { label, total: tenants.length, now: () => performance.now() });
  const isDetailed = options.verbose || tenants.length <= MANY;
  let [applied, changed] = [0, 0];
  try {
    for await (const { slug, response } of inOrder(tenants, options.concurrency, apply)) {
      applied += 1;
      if (response.changes.some(isWritten)) changed += 1;
      progress.show(applied);
      await report(slug, response);
    }
    progress.clear();
    if (!options.json) context.print(summary());
  } catch (error) {
    progress.clear();
    if (!(error instanceof CliFailure) || tenants.length === 1) throw error;
    const { message, exitCode, code, violations } = error;
    throw new CliFailure(
      `${message} (${applied} of ${tenants.length} done: apply again to go on)`,
      exitCode,
      code,
      violations,
    );
  } finally {
    await secrets.close();
  }

  async function apply({ slug, definition }: ReadTenant) {
    // What is in flight is awaited: its answer may hold a secret that is shown this once.
    if (api.signal.aborted) throw new CliFailure('interrupted');
    const { dryRun, prune, expectedRevision } = options;
    const request = {
      definition: fromBinary(TenantDefinitionSchema, definition),
      validateOnly: dryRun ?? false,
      prune: prune ?? false,
      ...(expectedRevision !== undefined && { expectedRevision }),
    };
    try {
      return { slug, response: await api.catalog.applyTenant(request, { timeoutMs: api.timeoutMs }) };
    } catch (error) {
      if (!(error instanceof CliFailure)) throw error;
      throw new CliFailure(`tenant ${slug}: ${error.message}`, error.exitCode, error.code, error.violations);
    }
  }

  async function report(slug: string, response: ApplyTenantResponse): Promise<void> {
    await showSecrets(slug, response, secrets, options);
    if (options.json) {
      context.print(JSON.stringify({ tenant: slug, ...Object(api.toJson(response)) }));
      await context.drained();
      return;
    }
    const text = describeChanges(slug, response, painter(context));
    if (!isDetailed && response.warnings.length === 0) return;
    progress.clear();
    context.print(text);
  }

  function summary(): string {
    const count = tenants.length === 1 ? '1 tenant' : `${tenants.length} tenants`;
    const verb = options.dryRun ? 'would change' : 'changed';
    return `${count}: ${changed} ${verb}, ${tenants.length - changed} as they are.`;
  }
}

/** Shows the secrets of an answer this once. Those that go to a file are taken out of the answer. */
async function showSecrets(
  tenant: string,
  { madeKeys }: ApplyTenantResponse,
  secrets: SecretOutput,
  { json }: ApplyOptions,
): Promise<void> {
  for (const made of madeKeys) {
    const { name, widgetKeyId, publicKey, identitySecret } = made;
    if (identitySecret === undefined || (json && !secrets.isFile)) continue;
    await secrets.write({ tenant, name, widgetKeyId, publicKey, identitySecret });
    delete made.identitySecret;
  }
}
