const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Longer names are shortened in error answers, so that one name cannot make an answer large. */
const MAX_SHOWN = 128;

/**
 * Names a member of a request's field in violations: `variables.cart`, or `variables["Bad Key"]` for a name that is no
 * identifier. A long name is cut.
 */
export function memberPath(field: string, name: string): string {
  const shown = shorten(name);
  return IDENTIFIER.test(shown) ? `${field}.${shown}` : `${field}[${JSON.stringify(shown)}]`;
}

/** Names a member that is no field of the request: `other`, or `["Bad Name"]`. A long name is cut. */
export function unknownPath(name: string): string {
  const shown = shorten(name);
  return IDENTIFIER.test(shown) ? shown : `[${JSON.stringify(shown)}]`;
}

/** The fields of requests that are messages of our own. What follows another field is data, with one spelling. */
const MESSAGES: ReadonlySet<string> = new Set(['definition', 'flow', 'widgetKey', 'quickQuestions']);

/**
 * Converts the JSON path of a violation to its path in the proto file: `removeVariables` becomes `remove_variables`, and
 * `flow.intent.displayLabel` becomes `flow.intent.display_label`.
 */
export function protoPath(jsonPath: string): string {
  const end = jsonPath.search(/[.[]/);
  const field = end === -1 ? jsonPath : jsonPath.slice(0, end);
  if (MESSAGES.has(field)) return toSnakeCase(jsonPath);
  return end === -1 ? toSnakeCase(field) : toSnakeCase(field) + jsonPath.slice(end);
}

function toSnakeCase(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function shorten(name: string): string {
  if (name.length <= MAX_SHOWN) return name;
  // A cut through a surrogate pair would leave half a character, which is not valid UTF-8 in the answer.
  return `${name.slice(0, MAX_SHOWN).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
