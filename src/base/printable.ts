/** Texts of strangers on the way to a terminal. */

/** What steers a terminal, or turns round what stands on it: control characters, line separators of Unicode, and marks of direction. */
// oxlint-disable-next-line no-control-regex
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function code(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}

/** What others wrote must not steer the terminal: such characters are shown by their number. */
export function printable(text: string): string {
  return text.replaceAll(steering, (character) =>
    character < "\u0100" ? `\\x${code(character, 2)}` : `\\u${code(character, 4)}`,
  );
}

/** In a cell of a table a line end or a tab would make another row or column. */
export function printableCell(text: string): string {
  return printable(text).replaceAll(/[\t\n]/g, " ");
}

/** Of JSON: the same document, in which nothing steers a terminal either. */
export function printableJson(json: string): string {
  return json.replaceAll(steering, (character) => `\\u${code(character, 4)}`);
}

/** All texts of a value, keys too. */
export function printableValue(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(printableValue);
  const pairs = (entries: Iterable<[unknown, unknown]>) =>
    [...entries].map(([key, each]) => [printable(String(key)), printableValue(each)] as const);
  if (value instanceof Map) return new Map(pairs(value));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(pairs(Object.entries(value)));
}
