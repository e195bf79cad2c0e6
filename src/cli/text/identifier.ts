/** Ids and long texts, for people. */
export { printable, printableCell, printableJson, printableValue } from "../../base/printable.ts";

/** `sha256:0123…` and `0123…` to twelve digits. */
export function shortId(id: string): string {
  return id.replace(/^[a-z0-9]+:/, "").slice(0, 12);
}

/** At most `length` characters, the last one `…` when something was cut. */
export function ellipsis(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

/** `a=b,c=` of a list's column. */
export function joinLabels(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
