import { type Command, Option } from 'commander';
import { type Context, type Remote, remote } from './context.js';
import { type ConnectionOptions, collect, instant, withConnection } from './options.js';
import { openSecretOutput, requirePlace } from './terminal/secrets.js';

/** The options of `keys create`. */
interface CreateKeyOptions extends ConnectionOptions {
  readonly label?: string;
  readonly publicKey?: string;
  readonly origin?: readonly string[];
  readonly allowMissingOrigin?: boolean;
  readonly reportOrigins?: boolean;
  readonly allIntents?: boolean;
  readonly intent?: readonly string[];
  readonly endsAt?: Date;
  readonly identity?: string;
  readonly out?: string;
}

/** `keys create`: makes a widget key, and shows its identity secret this once. */
export function addCreateKey(keys: Command, context: Context): void {
  withConnection(
    keys
      .command('create')
      .argument('<tenant>', 'slug of the tenant')
      .argument('<name>', 'name of the new widget key')
      .description('make a widget key')
      .option('--label <text>', 'what visitors see (the name)')
      .option('--public-key <key>', 'the public key (one is made)')
      .option('--origin <origin>', 'an allowed origin; may be given several times', collect)
      .option('--allow-missing-origin', 'allow requests without an Origin header, as native apps send them')
      .option('--report-origins', 'let other origins through, and count them (keys origins)')
      .option('--all-intents', 'allow every intent')
      .option('--intent <name>', 'an allowed intent; may be given several times', collect)
      .option('--ends-at <time>', 'when the key stops', instant)
      .addOption(
        new Option('--identity <mode>', 'whether customers are verified').choices([
          'off',
          'optional',
          'required',
        ]),
      )
      .option('--out <file>', 'new file for the identity secret, mode 0600 (the terminal)'),
    'chatsessions keys create acme web --origin https://acme.com --origin "https://*.acme.com" --all-intents',
  ).action(async (tenant: string, name: string, options: CreateKeyOptions) => {
    if (options.identity !== undefined && options.identity !== 'off') requirePlace(context, options);
    await remote(context, options, (api) => createKey(tenant, name, options, { api, context }));
  });
}

async function createKey(
  tenant: string,
  name: string,
  options: CreateKeyOptions,
  { api, context }: { readonly api: Remote; readonly context: Context },
): Promise<void> {
  const { timestampFromDate } = await import('@bufbuild/protobuf/wkt');
  const { label, publicKey, origin, allowMissingOrigin, reportOrigins, intent, endsAt, identity } = options;
  const secrets = await openSecretOutput(context, options.out);
  try {
    const { allIntents = false } = options;
    const widgetKey = {
      name,
      allowedOrigins: [...(origin ?? [])],
      allowMissingOrigin: allowMissingOrigin ?? false,
      allowsAllIntents: allIntents,
      allowedIntents: [...(intent ?? [])],
      originMode: reportOrigins ? 'report' : 'enforce',
      ...(label !== undefined && { label }),
      ...(publicKey !== undefined && { publicKey }),
      ...(endsAt && { endsAt: timestampFromDate(endsAt) }),
      ...(identity !== undefined && { identity }),
    };
    const response = await api.catalog.createWidgetKey({ tenant, widgetKey }, { timeoutMs: api.timeoutMs });
    const { identitySecret } = response;
    const made = {
      tenant,
      name,
      widgetKeyId: response.widgetKey?.widgetKeyId ?? '',
      publicKey: response.widgetKey?.definition?.publicKey ?? '',
    };
    if (secrets.isFile) delete response.identitySecret;
    api.answer(response, () => `New widget key of ${tenant}: ${name}: ${made.publicKey}`);
    if (identitySecret !== undefined && (secrets.isFile || !options.json))
      await secrets.write({ ...made, identitySecret });
  } finally {
    await secrets.close();
  }
}
