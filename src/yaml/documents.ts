/** One document of a stream of YAML documents. */
export interface YamlDocument {
  readonly text: string;
  /** The line of the stream at which it begins, from 0. */
  readonly firstLine: number;
}

/** A document may be as long as a file of one document, in UTF-16 code units: see yaml-file.ts. */
const MAX_LENGTH = 4 * 1024 * 1024;

/**
 * Splits a stream of text at its document markers: `---` at the start of a line, wherever it stands (YAML 1.2, section
 * 9.1.2). Documents without content are left out. A document longer than 4 MiB is cut there, and its reader refuses it:
 * only one document is kept in memory.
 */
export async function* splitDocuments(chunks: AsyncIterable<string>): AsyncGenerator<YamlDocument> {
  let lines: string[] = [];
  let length = 0;
  let [firstLine, line] = [0, 0];
  let hasContent = false;
  for await (const text of linesOf(chunks)) {
    if (/^---(?=[ \t\r]|$)/.test(text) && hasContent) {
      yield { text: lines.join('\n'), firstLine };
      [lines, length, firstLine, hasContent] = [[], 0, line, false];
    }
    // Comments and directives (%YAML) belong to the document that follows.
    hasContent ||= !/^(?:\s*(?:#.*)?|%.*|---\s*(?:#.*)?)$/.test(text);
    if (length <= MAX_LENGTH) lines.push(text);
    length += text.length + 1;
    line += 1;
  }
  if (hasContent) yield { text: lines.join('\n'), firstLine };
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LENGTH + 1);
    yield* lines;
  }
  yield rest;
}
