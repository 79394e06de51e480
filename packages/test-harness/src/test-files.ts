import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const ENDING = '.test.ts';
/** Files that take long, and so are left out of `npm test`. */
const SLOW = /\.slow\.test\.ts$/;

/** What is asked for: the parts of paths, or one of the two halves of all files. */
export interface Selection {
  /** Files whose path contains any of these, slow ones too. */
  readonly filters: readonly string[];
  /** Without filters: the slow files instead of all others. */
  readonly slow: boolean;
}

/** The test files that are asked for, and how many are left out for their slowness. */
export interface Selected {
  /** Paths from the root, sorted. */
  readonly files: readonly string[];
  readonly slowLeftOut: number;
}

/** Finds the test files of the root and of its workspaces. */
export async function selectFiles(root: string, { filters, slow }: Selection): Promise<Selected> {
  const all = await testFiles(root);
  if (filters.length > 0) {
    const files = all.filter((path) => filters.some((filter) => path.includes(filter)));
    return { files, slowLeftOut: 0 };
  }
  const files = all.filter((path) => SLOW.test(path) === slow);
  return { files, slowLeftOut: slow ? 0 : all.length - files.length };
}

async function testFiles(root: string): Promise<string[]> {
  const packages = existsSync(join(root, 'packages')) ? await readdir(join(root, 'packages')) : [];
  const folders = ['', 'bench', ...packages.map((name) => join('packages', name))]
    .map((workspace) => join(workspace, 'test'))
    .filter((folder) => existsSync(join(root, folder)));
  const found = await Promise.all(
    folders.map(async (folder) => {
      const paths = await readdir(join(root, folder), { recursive: true });
      return paths.filter((path) => path.endsWith(ENDING)).map((path) => join(folder, path));
    }),
  );
  return found.flat().sort();
}

/** The compiled form of a test file: `dist` stands beside the `test` folder. */
export function compiledPath(file: string): string {
  return file.replace(/(^|\/)test\//, '$1dist/test/').replace(/\.ts$/, '.js');
}
