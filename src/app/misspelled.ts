import { editDistance } from '../yaml/nearest.js';

/** Names that people write for ours, and that are too far from them for the edit distance. */
const ALIASES: Readonly<Record<string, string>> = {
  MONGO_URI: 'MONGODB_URI',
  MONGO_URL: 'MONGODB_URI',
  MONGO_DB: 'MONGODB_DB',
  MONGO_DATABASE: 'MONGODB_DB',
  MONGODB_DATABASE: 'MONGODB_DB',
  HTTP_ADDRESS: 'HTTP_ADDR',
  GRPC_ADDRESS: 'GRPC_ADDR',
  ENGINE_TOKENS: 'ENGINE_API_TOKENS',
};

/** From this length two letters may be wrong. With shorter names SESSION_MANAGER, say, would be near SESSION_MAX_AGE. */
const LONG = 14;

/**
 * Finds variables that look like a misspelled one of ours, which would be ignored without a word. A name passes when
 * the right one is set as well: it is then another program's.
 *
 * @returns a sentence for each, without values
 */
export function findMisspelled(
  env: Readonly<Record<string, string | undefined>>,
  ours: readonly string[],
): string[] {
  const isSet = (name: string) => env[name] !== undefined || env[`${name}_FILE`] !== undefined;
  return Object.keys(env).flatMap((name) => {
    if (env[name] === undefined || ours.includes(name)) return [];
    const right = ALIASES[name.toUpperCase()] ?? ours.find((known) => isNearMiss(plain(name), plain(known)));
    return right === undefined || isSet(right)
      ? []
      : [`${name} is not a variable of this service; did you mean ${right}?`];
  });
}

function plain(name: string): string {
  return name.toUpperCase().replaceAll(/[-_]/g, '');
}

function isNearMiss(name: string, known: string): boolean {
  const limit = known.length >= LONG ? 2 : 1;
  // The length is compared first, so that a huge name costs nothing.
  if (Math.abs(name.length - known.length) > limit) return false;
  return editDistance(name, known) <= limit || isSwap(name, known);
}

/** Whether two neighbouring letters are swapped, which the edit distance counts as two mistakes. */
function isSwap(name: string, known: string): boolean {
  const at = [...name].findIndex((letter, index) => letter !== known[index]);
  const swapped = `${name.slice(0, at)}${name[at + 1] ?? ''}${name[at] ?? ''}${name.slice(at + 2)}`;
  return at >= 0 && swapped === known;
}
