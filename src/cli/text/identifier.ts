/** Ids and long texts, cut for people. */

/** `sha256:0123…` and `0123…` to twelve digits. */
export function shortId(id: string): string {
  return id.replace(/^[a-z0-9]+:/, "").slice(0, 12);
}

/** At most `length` characters, the last one `…` when something was cut. */
export function ellipsis(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

/** What others wrote must not steer the terminal: control characters are shown by their number. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const number = character.charCodeAt(0).toString(16).padStart(2, "0");
    return `\\x${number}`;
  });
}
