import { fileURLToPath } from 'node:url';
/** A file of the repository, by its path from the root. */
export function repoFile(path) {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
//# sourceMappingURL=repo-file.js.map
