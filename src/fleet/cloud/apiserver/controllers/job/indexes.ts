/** Sets of completion indexes as text: `0,2-4,7`. Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/#JobStatus */

/** Only what is below `completions` counts. */
export function parseIndexes(text: string | undefined, completions: number): ReadonlySet<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? "").split(",")) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!range) continue;
    const last = Math.min(Number(range[2] ?? range[1]), completions - 1);
    for (let index = Number(range[1]); index <= last; index++) indexes.add(index);
  }
  return indexes;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const parts: { first: number; last: number }[] = [];
  for (const index of [...indexes].toSorted((a, b) => a - b)) {
    const range = parts.at(-1);
    if (range && range.last + 1 === index) range.last = index;
    else parts.push({ first: index, last: index });
  }
  // Two neighbours are two numbers, three are a range.
  return parts
    .map(({ first, last }) => {
      if (first === last) return String(first);
      return `${first}${last - first === 1 ? "," : "-"}${last}`;
    })
    .join(",");
}
