import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addApply } from './apply.js';
import { addBackup } from './backup.js';
import { addCheckConfig } from './check-config.js';
import type { Context } from './context.js';
import { addConversations } from './conversations.js';
import { addEngineToken } from './engine-token-command.js';
import { addExplain } from './explain.js';
import { addExport } from './export.js';
import { CliFailure, describeFailure, EXIT, failureJson } from './failure.js';
import { addFlows } from './flows.js';
import { addKeys } from './keys.js';
import { addOpen } from './open.js';
import { addServe } from './serve-command.js';
import { addTenants } from './tenants.js';
import { visible } from './terminal/style.js';
import type { Terminal } from './terminal/terminal.js';
import { addVerify } from './verify.js';
import { addWatch } from './watch.js';

const EXIT_CODES = `
Exit codes: 0 done; 1 refused, or it failed; 2 wrong use; 3 the service cannot be reached or is too busy;
            4 not allowed (no good token, or not the right tenant or scope)`;

/** Builds the program: each command is in the file of its name, and loads what it needs when it runs. */
function buildProgram(context: Context, configurationHelp: () => string): Command {
  const program = new Command('chatsessions')
    .description('opens and keeps chat sessions for embeddable chat widgets')
    .usage('[command] [options]')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.printError(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'chatsessions: ')),
      getOutHelpWidth: () => Math.max(context.columns, 100),
      getErrHelpWidth: () => Math.max(context.columns, 100),
    })
    .addHelpText('after', '\nWithout a command the service starts; serve --help lists its configuration.')
    .addHelpText('afterAll', EXIT_CODES);
  program.commandsGroup('The service:');
  addServe(program, context, configurationHelp);
  addCheckConfig(program, context);
  addBackup(program, context);
  addEngineToken(program, context);
  program.commandsGroup('The catalogue of a running service:');
  addApply(program, context);
  addExport(program, context);
  addTenants(program, context);
  addKeys(program, context);
  addFlows(program, context);
  addExplain(program, context);
  program.commandsGroup('Sessions and conversations of a running service:');
  addOpen(program, context);
  addVerify(program, context);
  addConversations(program, context);
  addWatch(program, context);
  return program;
}

const HELP: ReadonlySet<string> = new Set(['--help', '-h', 'help']);

/** Runs the command that the arguments name. @returns the exit code */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT.ok;
  const context: Context = {
    ...terminal,
    exitWith: (code) => {
      exitCode = code;
    },
  };
  try {
    const isHelp = args.includes('serve') && args.some((arg) => HELP.has(arg));
    const configurationHelp = isHelp ? (await import('./configuration-help.js')).configurationHelp : () => '';
    await buildProgram(context, configurationHelp).parseAsync(args.length === 0 ? ['serve'] : [...args], {
      from: 'user',
    });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliFailure)) throw error;
    if (args.includes('--json')) terminal.printError(failureJson(error));
    else
      for (const line of describeFailure(error).split('\n'))
        terminal.printError(`chatsessions: ${visible(line)}`);
    return error.exitCode;
  }
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return version;
}
