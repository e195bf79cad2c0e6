/**
 * About how many bytes a content has in memory: what waits for its turn is bounded by it. Looks no further than `most`.
 * A content was parsed within bounds on its depth, and is walked without recursion all the same.
 */
export function weigh(content: unknown, most: number): number {
  const left: unknown[] = [content];
  let weight = 0;
  while (left.length > 0 && weight <= most) {
    const value = left.pop();
    weight += 8;
    if (typeof value === "string") weight += value.length;
    else if (Array.isArray(value)) for (const each of value as unknown[]) left.push(each);
    else if (typeof value === "object" && value !== null)
      for (const [key, each] of Object.entries(value)) {
        weight += key.length;
        left.push(each);
      }
  }
  return weight;
}
