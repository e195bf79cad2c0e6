/** Tar archives of tests, entry by entry, so that hostile ones can be made too: POSIX ustar with PAX records where a name or value does not fit. */
export interface TarEntry {
  readonly name: string;
  /** `file` without it. */
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";
  readonly content?: Uint8Array | string;
  /** The target of a symbolic or hard link. */
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970; a fraction goes into a PAX record. */
  readonly mtime?: number;
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: Readonly<Record<string, Uint8Array | string>>;
  /** Further PAX records, written as they are. */
  readonly pax?: Readonly<Record<string, string>>;
  /** A size in the header that the content does not have. */
  readonly claimedSize?: number;
}

const block = 512;
const flags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;

/** Ended by two empty blocks unless `end` is false. */
export function tar(entries: readonly TarEntry[], end = true): Uint8Array {
  const parts = entries.flatMap(entryBlocks);
  if (end) parts.push(new Uint8Array(2 * block));
  return new Uint8Array(Buffer.concat(parts));
}

function entryBlocks(entry: TarEntry): Uint8Array[] {
  const content = bytesOf(entry.content ?? "");
  const records = paxRecords(entry, content.length);
  const type = flags[entry.type ?? "file"];
  const size = entry.claimedSize ?? (type === "0" ? content.length : 0);
  const own = header({ ...entry, type, size });
  const body = type === "0" ? padded(content) : [];
  if (records.length === 0) return [own, ...body];
  const extended = header({ name: "PaxHeaders/entry", type: "x", size: records.length });
  return [extended, ...padded(records), own, ...body];
}

function paxRecords(entry: TarEntry, size: number): Uint8Array {
  const records: [string, Uint8Array][] = [];
  const add = (key: string, value: string) => records.push([key, bytesOf(value)]);
  if (bytesOf(entry.name).length > 100) add("path", entry.name);
  if (bytesOf(entry.target ?? "").length > 100) add("linkpath", entry.target ?? "");
  if ((entry.uid ?? 0) > 0o7777777) add("uid", String(entry.uid));
  if ((entry.gid ?? 0) > 0o7777777) add("gid", String(entry.gid));
  if (size > 0o77777777777) add("size", String(size));
  if (!Number.isInteger(entry.mtime ?? 0)) add("mtime", String(entry.mtime));
  for (const [name, value] of Object.entries(entry.xattrs ?? {}))
    records.push([`SCHILY.xattr.${name}`, bytesOf(value)]);
  for (const [key, value] of Object.entries(entry.pax ?? {})) add(key, value);
  return new Uint8Array(Buffer.concat(records.map(([key, value]) => paxRecord(key, value))));
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = bytesOf(key).length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}

function header(entry: Omit<TarEntry, "type"> & { type: string; size: number }): Uint8Array {
  const bytes = new Uint8Array(block);
  const text = (at: number, room: number, value: string) => bytes.set(bytesOf(value).subarray(0, room), at);
  const octal = (at: number, room: number, value: number) =>
    text(
      at,
      room,
      `${Math.floor(value)
        .toString(8)
        .padStart(room - 1, "0")
        .slice(-(room - 1))}\0`,
    );
  text(0, 100, entry.name);
  octal(100, 8, entry.mode ?? (entry.type === "5" ? 0o755 : 0o644));
  octal(108, 8, (entry.uid ?? 0) > 0o7777777 ? 0 : (entry.uid ?? 0));
  octal(116, 8, (entry.gid ?? 0) > 0o7777777 ? 0 : (entry.gid ?? 0));
  octal(124, 12, entry.size > 0o77777777777 ? 0 : entry.size);
  octal(136, 12, Math.max(0, entry.mtime ?? 0));
  text(156, 1, entry.type);
  text(157, 100, entry.target ?? "");
  text(257, 8, "ustar\u000000");
  octal(329, 8, entry.device?.major ?? 0);
  octal(337, 8, entry.device?.minor ?? 0);
  text(148, 8, "        ");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  text(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

function padded(content: Uint8Array): Uint8Array[] {
  const rest = (block - (content.length % block)) % block;
  return rest === 0 ? [content] : [content, new Uint8Array(rest)];
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
