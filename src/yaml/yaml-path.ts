import { type Document, isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';

/** The path to a place in a document: field names and indexes. */
export type Path = readonly PropertyKey[];

/**
 * Finds the offset, in UTF-16 code units, at which the value or the key at `path` begins. If nothing is at `path`, it
 * is the offset of the innermost existing value around it, such as the mapping that lacks a field.
 */
export function offsetOf(document: Document.Parsed, path: Path, part: 'key' | 'value' = 'value'): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const parent: unknown = isAlias(node) ? node.resolve(document) : node;
    let key: unknown;
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && key.value === step);
      key = pair?.key;
      node = pair?.value ?? pair?.key;
    } else if (isSeq(parent) && typeof step === 'number') {
      node = parent.items[step];
    } else {
      return offset;
    }
    const target = part === 'key' && depth === path.length - 1 ? key : node;
    if (isNode(target)) offset = target.range?.[0] ?? offset;
    if (node === undefined) return offset;
  }
  return offset;
}

/** Formats a path, as in `tenants[0].flows[1].intent.name`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}
