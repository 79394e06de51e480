import { readFileSync } from 'node:fs';
import { repoFile } from './repo-file.js';

/** The fenced blocks of one language (`''`: of none) in a document, or in its section below a heading. */
export function blocksOf(path: string, language: string, heading?: string): string[] {
  const text = readFileSync(repoFile(path), 'utf8');
  const sections = text.split(/^## /m);
  const [section = ''] =
    heading === undefined ? [text] : sections.filter((part) => part.startsWith(`${heading}\n`));
  const blocks = [...section.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  return blocks.filter(([, named]) => named === language).map(([, , block = '']) => block);
}

/** Output with placeholders for what differs from one run to the next: UUIDs, times and session tokens. */
export function withoutIds(output: string): string {
  return output
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>')
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.0+)?Z/g, '<time>')
    .replaceAll(/\beyJ[\w-]+\.[\w.-]+…?/g, '<token>');
}
