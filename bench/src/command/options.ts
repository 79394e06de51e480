import { parseArgs } from 'node:util';

/** The arguments are wrong. The message is one sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** One `--option` of a part. */
export interface Option<T> {
  readonly about: string;
  /** The placeholder of its value in the help; undefined for an option without a value. */
  readonly placeholder?: string;
  /** Reads its value; `text` is undefined when the option is not given. @throws UsageError */
  readonly read: (text: string | undefined, name: string) => T;
}

/** The options of a part, by name. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of a part's options, by name. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never;
};

/** An option whose value is a whole number, at least `min`. */
export function count(about: string, byDefault: number, { min = 1 } = {}): Option<number> {
  return number(about, byDefault, `a whole number, ${min} or more`, (value) => {
    return Number.isSafeInteger(value) && value >= min;
  });
}

/** An option whose value is a time in seconds; decimals are allowed. */
export function seconds(about: string, byDefault: number): Option<number> {
  return number(about, byDefault, 'a number of seconds above 0, 86400 at most', (value) => {
    return value > 0 && value <= 86_400;
  });
}

function number(
  about: string,
  byDefault: number,
  wanted: string,
  fits: (value: number) => boolean,
): Option<number> {
  return {
    about: `${about} (${byDefault})`,
    placeholder: '<n>',
    read(text, name) {
      if (text === undefined) return byDefault;
      const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      if (!fits(value)) throw new UsageError(`--${name} must be ${wanted}, not ${JSON.stringify(text)}.`);
      return value;
    },
  };
}

/** An option whose value is the path of a file. */
export function file(about: string): Option<string | undefined> {
  return {
    about,
    placeholder: '<file>',
    read(text, name) {
      if (text === '') throw new UsageError(`--${name} needs the path of a file.`);
      return text;
    },
  };
}

/** An option whose value is a selection from a list of names. */
export function names(about: string, known: readonly string[]): Option<readonly string[] | undefined> {
  return {
    about,
    placeholder: '<name,…>',
    read(text, name) {
      const given = text?.split(',');
      for (const one of given ?? []) {
        if (known.includes(one)) continue;
        throw new UsageError(
          `--${name} does not know ${JSON.stringify(one)}; there are ${known.join(', ')}.`,
        );
      }
      return given;
    },
  };
}

/** An option without a value. */
export function flag(about: string): Option<boolean> {
  return { about, read: (text) => text !== undefined };
}

/** Reads the arguments of a part. @throws UsageError */
export function readOptions<O extends Options>(options: O, args: readonly string[]): Values<O> {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { placeholder }]) => [
        name,
        { type: placeholder === undefined ? 'boolean' : 'string' } as const,
      ]),
    ),
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional')
      throw new UsageError(`${JSON.stringify(token.value)} is not understood.`);
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) throw new UsageError(`${token.rawName} is not an option.`);
    const hasNone = token.value === undefined || (!token.inlineValue && token.value.startsWith('--'));
    if (option.placeholder !== undefined && hasNone) {
      throw new UsageError(`${token.rawName} needs a value.`);
    }
    if (option.placeholder === undefined && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value.`);
    }
    given.set(token.name, token.value ?? '');
  }
  const values = Object.entries(options).map(([name, { read }]) => [name, read(given.get(name), name)]);
  return Object.fromEntries(values);
}

/** Lists the options for a help text. */
export function describeOptions(options: Options): string {
  const rows = Object.entries(options).map(
    ([name, { placeholder, about }]) => [`--${name} ${placeholder ?? ''}`.trimEnd(), about] as const,
  );
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return rows.map(([usage, about]) => `  ${usage.padEnd(width)}  ${about}\n`).join('');
}
