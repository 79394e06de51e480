#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from './app/config.js';
import { StartError } from './app/start-error.js';
import { engineToken, engineTokenHash } from './cli/engine-token.js';
import { helpText } from './cli/help.js';

const print = (text: string) => process.stdout.write(`${text}\n`);
const printError = (text: string) => process.stderr.write(`${text}\n`);

// A closed stdout must not stop the service: without a listener EPIPE is thrown.
process.stdout.on('error', () => {});

/** Runs the command that the arguments name. @returns the exit code */
async function main([command = 'serve', ...rest]: readonly string[]): Promise<number> {
  if (command === '--help' || command === '-h' || command === 'help') {
    print(helpText());
    return 0;
  }
  if (command === '--version') {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    print(version);
    return 0;
  }
  if (command === 'engine-token' && rest.length === 0) {
    engineToken({ randomBytes, print, explain: printError });
    return 0;
  }
  if (command === 'engine-token' && rest.length === 1 && rest[0] === '--hash') {
    return engineTokenHash({ input: process.stdin, print, printError });
  }
  if (command !== 'serve' || rest.length > 0) {
    printError(`chatsessions: ${[command, ...rest].join(' ')} is not a command; see chatsessions --help`);
    return 2;
  }
  // Loaded here, so that the other commands do not wait half a second for the whole service.
  const { serve } = await import('./cli/serve.js');
  return serve(process.env, print);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
  for (const line of error.message.split('\n')) printError(`chatsessions: ${line}`);
  process.exitCode = 1;
}
