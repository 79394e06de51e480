/** A file of the repository, by its path from the root. */
export declare function repoFile(path: string): string;
