/** Whether a tree is removed in less time than a helper process would need to hear of it. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What a container that did little leaves behind; all of it goes in about a millisecond. */
const most = { entries: 100, bytes: 16 << 20 } as const;

/** False too for what cannot be told: names that are no text, folders that go meanwhile. */
export function isSmall(path: string): boolean {
  let entries = 0;
  let bytes = 0;
  const waiting = [path];
  try {
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const stat = lstatSync(at);
      bytes += stat.blocks * 512;
      if (bytes > most.bytes) return false;
      if (!stat.isDirectory()) continue;
      // A folder's own size tells of one with very many before it is listed.
      if (stat.size > 64 << 10) return false;
      const names = readdirSync(at);
      entries += names.length;
      if (entries > most.entries) return false;
      for (const name of names) waiting.push(join(at, name));
    }
    return true;
  } catch {
    return false;
  }
}
