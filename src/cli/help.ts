import { describeVariables } from '../app/config.js';

/** Builds the text that `--help` prints. */
export function helpText(): string {
  const variables = describeVariables();
  const width = Math.max(...variables.map(([name]) => name.length));
  return [
    'chatsessions opens and keeps chat sessions for embeddable chat widgets.',
    '',
    'Usage: chatsessions [serve]              start the service (npm start)',
    '       chatsessions engine-token         make a token for an engine caller, with its hash',
    '       chatsessions engine-token --hash  print the hash of the token on standard input',
    '       chatsessions --help               print this',
    '       chatsessions --version            print the version',
    '',
    'Configuration, by environment variables (with their defaults; durations in s, m, h or d):',
    ...variables.map(([name, description]) => `  ${name.padEnd(width)}  ${description}`),
    '',
    'With nothing set it runs on this machine alone: an embedded server keeps the data in ./data,',
    'a demo tenant is there to try it with, and gRPC is open to callers on this machine.',
  ].join('\n');
}
