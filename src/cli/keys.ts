import type { Command } from 'commander';
import type { WidgetKey } from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { type Context, remote } from './context.js';
import { addCreateKey } from './create-key.js';
import type { FormatTime } from './format.js';
import { type ConnectionOptions, duration, withConnection } from './options.js';
import { confirm } from './terminal/confirm.js';
import { table } from './terminal/table.js';

/** The commands of widget keys. */
export function addKeys(program: Command, context: Context): void {
  const keys = program.command('keys').description('list, make, rotate, disable and revoke widget keys');
  const named = (name: string, description: string) =>
    keys
      .command(name)
      .argument('<tenant>', 'slug of the tenant')
      .argument('<name>', 'name of the widget key')
      .description(description);

  withConnection(
    keys
      .command('list')
      .argument('<tenant>', 'slug of the tenant')
      .description('list the widget keys of a tenant'),
    'chatsessions keys list acme',
  ).action((tenant: string, options: ConnectionOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const { time } = await import('./format.js');
      const response = await catalog.listWidgetKeys({ tenant }, call);
      answer(response, () =>
        table(
          ['NAME', 'PUBLIC KEY', 'STATE', 'ENDS', 'IDENTITY', 'INTENTS', 'ORIGINS'],
          response.widgetKeys.map((key) => rowOf(key, time)),
        ),
      );
    }),
  );

  addCreateKey(keys, context);

  withConnection(
    named('rotate', 'give a widget key a new public key; the old one works for an overlap').option(
      '--overlap <duration>',
      'how long the old public key works, such as 24h; 0s stops it at once (7d)',
      duration,
    ),
    'chatsessions keys rotate acme web --overlap 30d',
  ).action((tenant: string, name: string, options: ConnectionOptions & { readonly overlap?: number }) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const { seconds, time } = await import('./format.js');
      const overlap = options.overlap === undefined ? {} : { overlap: seconds(options.overlap) };
      const response = await catalog.rotateWidgetKey({ tenant, name, ...overlap }, call);
      answer(response, () => {
        const { definition, retiredPublicKeys = [] } = response.widgetKey ?? {};
        const old = retiredPublicKeys.map(
          ({ publicKey, worksUntil }) => `${publicKey} works until ${time(worksUntil)}`,
        );
        return [`New public key of ${tenant}: ${name}: ${definition?.publicKey}`, ...old].join('\n');
      });
    }),
  );

  for (const [command, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    withConnection(
      named(
        command,
        enabled ? 'make a disabled widget key work again' : 'stop a widget key until it is enabled',
      ),
      `chatsessions keys ${command} acme web`,
    ).action((tenant: string, name: string, options: ConnectionOptions) =>
      remote(context, options, async ({ catalog, answer, call }) => {
        const response = await catalog.setWidgetKeyEnabled({ tenant, name, enabled }, call);
        answer(
          response,
          () => `Widget key ${name} of ${tenant} is ${command}d (revision ${response.revision}).`,
        );
      }),
    );
  }

  withConnection(
    named('revoke', 'delete a widget key for good: the tokens of its sessions work no longer').option(
      '--yes',
      'do not ask',
    ),
    'chatsessions keys revoke acme web --yes',
  ).action(async (tenant: string, name: string, options: ConnectionOptions & { readonly yes?: boolean }) => {
    const what = `Widget key ${name} of ${tenant} is deleted, and its sessions stop.`;
    await confirm(context, { yes: options.yes, what, word: name });
    await remote(context, options, async ({ catalog, answer, call }) => {
      const response = await catalog.revokeWidgetKey({ tenant, name }, call);
      answer(response, () => `Widget key ${name} of ${tenant} is revoked (revision ${response.revision}).`);
    });
  });

  withConnection(
    named('origins', 'list the origins that a widget key in report mode has let through'),
    'chatsessions keys origins acme web',
  ).action((tenant: string, name: string, options: ConnectionOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const { time } = await import('./format.js');
      const response = await catalog.listOriginReports({ tenant, name }, call);
      answer(response, () => {
        const rows = response.reports.map(({ origin, count, firstSeenAt, lastSeenAt, proposedRule }) => {
          return [origin, String(count), time(firstSeenAt), time(lastSeenAt), proposedRule];
        });
        const others =
          response.otherCount > 0n ? `\n${response.otherCount} opens came from other origins.` : '';
        return table(['ORIGIN', 'OPENS', 'FIRST', 'LAST', 'RULE TO ADD'], rows) + others;
      });
    }),
  );
}

function rowOf({ definition }: WidgetKey, time: FormatTime): string[] {
  if (definition === undefined) return [];
  const { name, publicKey, enabled, endsAt, identity, allowsAllIntents, allowedIntents, allowedOrigins } =
    definition;
  return [
    name,
    publicKey,
    enabled === false ? 'disabled' : 'enabled',
    time(endsAt),
    identity,
    allowsAllIntents ? 'all' : String(allowedIntents.length),
    allowedOrigins.join(' '),
  ];
}
