/** The streamed lists of the CRI: each item in one message, none twice, so that no message grows with the node. */
const most = 100;

export function* pieces<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let at = 0; at < items.length; at += most) yield items.slice(at, at + most);
}

/** As selectors of Kubernetes' lists are: all of them, by equality. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(([name, value]) => labels[name] === value);
}
