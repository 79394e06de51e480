import type { Command } from 'commander';
import type { ExplainOpenResponse } from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { type Context, remote } from './context.js';
import { EXIT } from './failure.js';
import { readSecret } from './inputs.js';
import { type ConnectionOptions, withConnection } from './options.js';
import { type Paint, painter, visible } from './terminal/style.js';

/** The options of `explain`. */
interface ExplainOptions extends ConnectionOptions {
  readonly key: string;
  readonly origin?: string;
  readonly customerId?: string;
  readonly customerTokenFile?: string;
  readonly locale?: string;
}

/** `explain`: what an open would be answered now, and why. It writes nothing. */
export function addExplain(program: Command, context: Context): void {
  withConnection(
    program
      .command('explain')
      .summary('say what an open would be answered, and why')
      .description(
        'say what an open of a browser would be answered now, and why; exit code 1 if it would be refused',
      )
      .requiredOption('--key <public key>', 'the public key')
      .option('--origin <origin>', 'the Origin header (none)')
      .option('--customer-id <id>', 'the customer')
      .option('--customer-token-file <file>', 'file with the customer token; - is standard input')
      .option('--locale <tag>', 'the language'),
    'chatsessions explain --key pk_live_de300000000000000000000000000001 --origin https://shop.example',
  ).action((options: ExplainOptions) =>
    remote(context, options, async ({ catalog, answer, call }) => {
      const { key: publicKey, origin, customerId, customerTokenFile, locale } = options;
      const customerToken = await readSecret(context, '--customer-token-file', customerTokenFile);
      const request = {
        publicKey,
        ...(origin !== undefined && { origin }),
        ...(customerId !== undefined && { customerId }),
        ...(customerToken !== undefined && { customerToken }),
        ...(locale !== undefined && { locale }),
      };
      const response = await catalog.explainOpen(request, call);
      answer(response, () => describe(response, painter(context)));
      if (!response.allowed) context.exitWith(EXIT.failed);
    }),
  );
}

function describe(
  { allowed, code, tenant, decisions, intents, quickQuestions }: ExplainOpenResponse,
  paint: Paint,
): string {
  const mark = (isGood: boolean) => (isGood ? paint('green', 'yes') : paint('red', 'no '));
  const verdict = allowed ? paint('green', 'allowed') : paint('red', `refused: ${visible(code)}`);
  return [
    `The open would be ${verdict}${tenant === '' ? '' : ` (tenant ${visible(tenant)})`}.`,
    ...decisions.map(
      ({ passes, subject, message }) => `  ${mark(passes)} ${subject.padEnd(10)} ${visible(message)}`,
    ),
    ...section(
      'Intents',
      intents.map(({ shown, name, message }) => `  ${mark(shown)} ${visible(name)}: ${visible(message)}`),
    ),
    ...section(
      'Quick questions',
      quickQuestions.map(({ question, intentName, message }) => {
        return `  ${mark(intentName !== '')} ${visible(question)}: ${visible(message)}`;
      }),
    ),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines];
}
