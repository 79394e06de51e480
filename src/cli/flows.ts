import type { Command } from 'commander';
import { type Context, remote } from './context.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { table } from './terminal/table.js';

/** The commands of flows: list, publish and unpublish. */
export function addFlows(program: Command, context: Context): void {
  const flows = program.command('flows').description('list, publish and unpublish flows');

  withConnection(
    flows
      .command('list')
      .argument('<tenant>', 'slug of the tenant')
      .description('list the flows of a tenant'),
    'chatsessions flows list acme',
  ).action((tenant: string, options: ConnectionOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const response = await catalog.listFlows({ tenant }, call);
      answer(response, () =>
        table(
          ['FLOW', 'STATE', 'INTENT', 'LABEL'],
          response.flows.map(({ slug, published, intent }) => {
            return [slug, published ? 'published' : 'draft', intent?.name ?? '', intent?.displayLabel ?? ''];
          }),
        ),
      );
    }),
  );

  withConnection(
    flows
      .command('publish')
      .argument('<tenant>', 'slug of the tenant')
      .argument('<flow>', 'slug of the flow')
      .description('publish a flow: widgets offer its intent within 2 s'),
    'chatsessions flows publish acme returns',
  ).action((tenant: string, flow: string, options: ConnectionOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const response = await catalog.publishFlow({ tenant, flow }, call);
      answer(response, () => `Flow ${flow} of ${tenant} is published (revision ${response.revision}).`);
    }),
  );

  withConnection(
    flows
      .command('unpublish')
      .argument('<tenant>', 'slug of the tenant')
      .argument('<flow>', 'slug of the flow')
      .description('make a flow a draft: widgets stop to offer its intent, in open sessions too'),
    'chatsessions flows unpublish acme returns',
  ).action((tenant: string, flow: string, options: ConnectionOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const response = await catalog.unpublishFlow({ tenant, flow }, call);
      answer(response, () => `Flow ${flow} of ${tenant} is a draft (revision ${response.revision}).`);
    }),
  );
}
