/** The words of a volume's option `o` as flags of mount(2); what is not here goes to the file system. */
import { MS } from "../../kernel/linux.ts";

export interface MountWords {
  readonly flags: number;
  readonly data: string;
  readonly bind: boolean;
}

const sets: Readonly<Record<string, number>> = {
  bind: MS.BIND,
  rbind: MS.BIND | MS.REC,
  ro: MS.RDONLY,
  nosuid: MS.NOSUID,
  nodev: MS.NODEV,
  noexec: MS.NOEXEC,
  noatime: MS.NOATIME,
  nodiratime: MS.NODIRATIME,
  relatime: MS.RELATIME,
  strictatime: MS.STRICTATIME,
  sync: MS.SYNCHRONOUS,
  dirsync: MS.DIRSYNC,
};
const nothing = new Set(["rw", "suid", "dev", "exec", "async", "defaults", "auto", "noauto", "_netdev"]);

export function parseMountWords(words: readonly string[]): MountWords {
  let flags = 0;
  const data: string[] = [];
  for (const word of words) {
    const flag = sets[word];
    if (flag !== undefined) flags |= flag;
    else if (!nothing.has(word)) data.push(word);
  }
  return { flags, data: data.join(","), bind: (flags & MS.BIND) !== 0 };
}
