import { fileURLToPath } from 'node:url';

/** The path of a file of the repository, given its path from the root. */
export function repoFile(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
