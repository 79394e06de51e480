import type { Command } from 'commander';
import { type Context, type Remote, remote } from './context.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { confirm } from './terminal/confirm.js';
import { table } from './terminal/table.js';

/** A DeleteTenant call works for up to 60 s. */
const DELETE_MS = 65_000;

/** The commands of tenants: list and delete. */
export function addTenants(program: Command, context: Context): void {
  const tenants = program.command('tenants').description('list and delete tenants');

  withConnection(tenants.command('list').description('list the tenants'), 'chatsessions tenants list').action(
    (options: ConnectionOptions) => remote(context, options, (api) => listTenants(api, context, options)),
  );

  withConnection(
    tenants
      .command('delete')
      .argument('<tenant>', 'slug of the tenant')
      .option('--yes', 'do not ask')
      .description('delete a tenant with its conversations, widget keys and flows, for good'),
    'chatsessions tenants delete acme',
  ).action(async (tenant: string, options: ConnectionOptions & { readonly yes?: boolean }) => {
    const what = `Tenant ${tenant} is deleted with all its conversations.`;
    await confirm(context, { yes: options.yes, what, word: tenant });
    await remote(context, options, async ({ catalog, signal }) => {
      let erased = 0;
      for (let complete = false; !complete; ) {
        const response = await catalog.deleteTenant({ tenant }, { timeoutMs: DELETE_MS, signal });
        erased += response.erasedCount;
        complete = response.complete;
        if (!complete) context.printError(`${erased} conversations deleted so far`);
      }
      context.print(
        options.json
          ? JSON.stringify({ erasedCount: erased, complete: true }, null, 2)
          : `Tenant ${tenant} is deleted, with ${erased} conversations.`,
      );
    });
  });
}

async function listTenants(
  { catalog, call, toJson }: Remote,
  { print }: Context,
  { json }: ConnectionOptions,
): Promise<void> {
  const tenants = [];
  for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
    const page = await catalog.listTenants({ pageSize: 200, pageToken }, call);
    tenants.push(...page.tenants);
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
  }
  if (json) {
    print(JSON.stringify({ tenants: tenants.map(toJson) }, null, 2));
    return;
  }
  const rows = tenants.map(({ slug, name, revision, flowCount, publishedFlowCount }) => {
    return [slug, name, `${publishedFlowCount} of ${flowCount}`, String(revision)];
  });
  print(table(['TENANT', 'NAME', 'FLOWS PUBLISHED', 'REVISION'], rows));
}
