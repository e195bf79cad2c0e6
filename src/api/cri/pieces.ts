/** The streamed lists of the CRI: each item in one message, none twice, so that no message grows with the node. */
const most = 100;
/** Characters in one message: annotations of a pod can have 256 KiB, and kubelet takes 16 MiB, of which a character has up to three. */
const mostText = 4 << 20;

export function* pieces<Item>(items: readonly Item[]): Generator<Item[]> {
  let piece: Item[] = [];
  let text = 0;
  for (const item of items) {
    const more = textIn(item);
    if (piece.length > 0 && (piece.length >= most || text + more > mostText)) {
      yield piece;
      [piece, text] = [[], 0];
    }
    piece.push(item);
    text += more;
  }
  if (piece.length > 0) yield piece;
}

/** Characters of all names and values that are texts. */
function textIn(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 0;
  return Object.entries(value).reduce((sum, [name, each]) => sum + name.length + textIn(each), 0);
}

/** As selectors of Kubernetes' lists are: all of them, by equality. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(([name, value]) => labels[name] === value);
}
