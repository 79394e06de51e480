import type { Command } from 'commander';
import { type Context, remote } from './context.js';
import { type ConnectionOptions, withConnection } from './options.js';

/** `export`: prints a tenant as the tenant file that makes it. */
export function addExport(program: Command, context: Context): void {
  withConnection(
    program
      .command('export')
      .argument('<tenant>', 'slug of the tenant')
      .description('print a tenant as a tenant file: applying it changes nothing'),
    'chatsessions export acme > acme.yaml',
  ).action((tenant: string, options: ConnectionOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const response = await catalog.exportTenant({ tenant }, call);
      const { definition } = response;
      if (definition === undefined) return;
      const [{ stringify }, { toTenantFile }] = await Promise.all([
        import('yaml'),
        import('./tenant-message.js'),
      ]);
      answer(response, () => stringify(toTenantFile(definition), { lineWidth: 0 }).trimEnd());
    }),
  );
}
