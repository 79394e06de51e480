import { describeVariables } from '../app/config.js';

/** The text of `serve --help` on the environment variables. It loads the schema of the configuration. */
export function configurationHelp(): string {
  const variables = describeVariables();
  const width = Math.max(...variables.map(([name]) => name.length));
  return [
    '',
    'Configuration, by environment variables (with their defaults; durations in s, m, h or d):',
    ...variables.map(([name, description]) => `  ${name.padEnd(width)}  ${description}`),
    '',
    'With nothing set it runs on this machine alone: an embedded server keeps the data in ./data,',
    'a demo tenant is there to try it with, and gRPC is open to callers on this machine.',
  ].join('\n');
}
