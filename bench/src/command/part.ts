import { describeOptions, flag, type Options, readOptions, type Values } from './options.js';

/** One of the measurements that `npm run bench` knows. */
export interface Part {
  readonly name: string;
  /** What it measures, in a line. */
  readonly summary: string;
  readonly help: string;
  /** Measures, and prints what it found. @returns the exit code. @throws UsageError */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** How a part is made. */
export interface PartDefinition<O extends Options> {
  readonly name: string;
  readonly summary: string;
  /** The description in its help text. */
  readonly about: string;
  readonly options: O;
  readonly run: (values: Values<O>) => Promise<number>;
}

/** Makes a part: its help text and the reading of its arguments come from its options. */
export function definePart<O extends Options>(definition: PartDefinition<O>): Part {
  const { name, summary, about, options } = definition;
  const all = { ...options, help: flag('this text') };
  const help = `Usage: npm run bench -- ${name} [options]\n\n${about.trim()}\n\nOptions:\n${describeOptions(all)}`;
  return {
    name,
    summary,
    help,
    async run(args) {
      if (args.includes('--help') || args.includes('-h')) {
        process.stdout.write(help);
        return 0;
      }
      return definition.run(readOptions(options, args));
    },
  };
}
