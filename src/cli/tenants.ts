import type { Command } from 'commander';
import { type Context, type Remote, remote } from './context.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { confirm } from './terminal/confirm.js';
import { table } from './terminal/table.js';
import { untilComplete } from './until-complete.js';

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
    await remote(context, options, async (api) => {
      const erasedCount = await untilComplete(context, api, async (call) => {
        const { erasedCount, complete } = await api.catalog.deleteTenant({ tenant }, call);
        return { count: erasedCount, complete };
      });
      const done = `Tenant ${tenant} is deleted, with ${erasedCount} conversations.`;
      context.print(options.json ? JSON.stringify({ erasedCount, complete: true }, null, 2) : done);
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
