/** What cpu_set_t holds; runc's bound as well. */
const most = 1023;

/**
 * The numbers of a list of CPUs or memory nodes like "0-3,7", ascending and each once; undefined when the text is no
 * such list or has a number above 1023. Blanks around an entry and empty entries are taken, so "" is the empty list.
 * Format: config.md, "execCPUAffinity"; config-linux.md, "Memory policy".
 */
export function parseNumberList(list: string): number[] | undefined {
  const numbers = new Set<number>();
  for (const entry of list.split(",")) {
    const range = entry.trim();
    if (range === "") continue;
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first > last || last > most) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}
