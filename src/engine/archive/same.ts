/** Whether two files, links or folders of two trees are the same, and if not, in what they differ. */
import { systemError } from "../../kernel/errno.ts";
import { readBytesAt } from "../../kernel/fs.ts";
import type { ExtendedAttribute } from "../../kernel/xattr.ts";
import { failure, isFile, kindOf, type Node } from "./node.ts";

export type Difference = "content" | "mode" | "owner" | "type" | "target" | "xattrs" | "time";

/** In a fixed order; none when they are the same. A folder's content is not looked at. */
export function differences(a: Node, b: Node, sameBytes: (a: Node, b: Node) => boolean): Difference[] {
  if (kindOf(a.status) !== kindOf(b.status)) return ["type"];
  const found: Difference[] = [];
  const [s, t] = [a.status, b.status];
  if (isFile(a) && !(s.size === t.size && sameBytes(a, b))) found.push("content");
  if (s.major !== t.major || s.minor !== t.minor) found.push("content");
  if (a.target !== b.target) found.push("target");
  if ((s.mode & 0o7777) !== (t.mode & 0o7777)) found.push("mode");
  if (s.uid !== t.uid || s.gid !== t.gid) found.push("owner");
  if (!sameAttributes(a.attributes, b.attributes)) found.push("xattrs");
  if (s.seconds !== t.seconds || s.nanoseconds !== t.nanoseconds) found.push("time");
  return found;
}

const ofOverlay = /^(?:trusted|user)\.overlay\./;

function sameAttributes(a: readonly ExtendedAttribute[], b: readonly ExtendedAttribute[]): boolean {
  const [mine, other] = [a, b].map((all) => all.filter(({ name }) => !ofOverlay.test(name)));
  if (mine?.length !== other?.length) return false;
  return (mine ?? []).every(({ name, value }, index) => {
    const twin = other?.[index];
    return twin?.name === name && Buffer.compare(twin.value, value) === 0;
  });
}

const left = Buffer.alloc(256 << 10);
const right = Buffer.alloc(256 << 10);

/** Compares the bytes of two files of one size. */
export function sameFileBytes(a: Node, b: Node): boolean {
  for (let at = 0; at < a.status.size;) {
    const n = readWhole(a, left, at);
    const m = readWhole(b, right, at);
    if (n !== m || left.compare(right, 0, m, 0, n) !== 0) return false;
    if (n === 0) return true;
    at += n;
  }
  return true;
}

/** As much as there is, up to the whole of `into`. */
function readWhole(node: Node, into: Buffer, position: number): number {
  let filled = 0;
  while (filled < into.length) {
    const n = readBytesAt(node.fd, into.subarray(filled), position + filled);
    if (n < 0) throw failure(node.path, systemError("read it", -n));
    if (n === 0) break;
    filled += n;
  }
  return filled;
}
