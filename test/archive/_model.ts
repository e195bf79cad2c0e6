/** A tree of files as plain values: made at random, written to disk, read back, compared. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { makeNode, setXattr } from "../../src/kernel/metadata.ts";
import { openRoot, walk } from "../../src/engine/archive/node.ts";
import { readBytesAt, textOf, type as fileType } from "../../src/kernel/fs.ts";

type Random = (below: number) => number;

const names = ["a", "b", "lib", "ünï", "x".repeat(120), "with space", "new\nline", "-rf", "café", "Z"];
const modes = [0o644, 0o755, 0o4755, 0o600, 0o1777, 0];

/** Makes `count` changes below `root`: new things, rewritten things, removed things. */
export function change(root: string, next: Random, count: number): void {
  for (let i = 0; i < count; i++) changeOne(root, next);
}

function changeOne(root: string, next: Random): void {
  const depth = 1 + next(3);
  const parts = Array.from({ length: depth }, () => names[next(names.length)] as string);
  const dir = parts.slice(0, -1).reduce((above, name) => {
    const path = `${above}/${name}`;
    if (lstatSync(path, { throwIfNoEntry: false })) return isFolder(path) ? path : above;
    mkdirSync(path);
    return path;
  }, root);
  const path = `${dir}/${parts.at(-1)}`;
  if (next(3) === 0) rmSync(path, { recursive: true, force: true });
  make(path, dir, next);
}

function isFolder(path: string): boolean {
  try {
    closeSync(openSync(path, 0o200000 | 0o400000));
    return true;
  } catch {
    return false;
  }
}

function make(path: string, dir: string, next: Random): void {
  const kind = next(9);
  if (isFolder(path)) return metadata(path, next);
  rmSync(path, { recursive: true, force: true });
  if (kind === 0) mkdirSync(path);
  else if (kind === 1) symlinkSync(["a", "../b", "/abs", "ü".repeat(90)][next(4)] as string, path);
  else if (kind === 2) makeNode(path, 0o010644, 0n);
  else if (kind === 3) makeNode(path, 0o020644, BigInt(0x0103 + next(9)));
  else if (kind === 4) sparse(path, next);
  else if (kind === 5) {
    writeFileSync(path, `linked ${next(100)}`);
    rmSync(`${dir}/link`, { recursive: true, force: true });
    linkSync(path, `${dir}/link`);
  } else writeFileSync(path, Buffer.alloc(next(3) * 700 + next(3), next(256)));
  if (kind !== 1) metadata(path, next, kind === 2 || kind === 3);
  else lchownSync(path, next(3) * 3_000_000, next(3));
  lutimesSync(path, 1_000_000 + next(1000), next(2) ? -5.25 : 1_600_000_000 + next(1000) + 0.123456);
}

function metadata(path: string, next: Random, device = false): void {
  chownSync(path, next(3) * 3_000_000, next(3));
  const mode = modes[next(modes.length)] as number;
  // Set-id bits mean nothing on devices and pipes.
  chmodSync(path, device ? mode & 0o1777 : mode);
  if (next(4) !== 0) return;
  try {
    setXattr(path, "user.test", Buffer.from([next(256), 0, 10, next(256)]));
    setXattr(path, "security.capability", Buffer.from("0100000200040000000000000000000000000000", "hex"));
  } catch {
    // user.* is for files and folders only.
  }
}

function sparse(path: string, next: Random): void {
  const fd = openSync(path, "w");
  for (let i = next(3); i > 0; i--) writeSync(fd, Buffer.alloc(5000, i), 0, 5000, i * 1_000_000);
  ftruncateSync(fd, 4_000_000 + next(10_000));
  closeSync(fd);
}

/** Everything of a tree that an archive should keep; times of folders too. Names of one file are told by the first of them. */
export function describeTree(root: string): Record<string, unknown> {
  const firsts = new Map<string, string>();
  const found: [string, unknown][] = [];
  using top = openRoot(root);
  for (const node of walk(top)) {
    const { status } = node;
    const path = textOf(node.path) ?? node.path;
    const key = `${status.fileSystem}:${status.inode}`;
    const folder = (status.mode & fileType.MASK) === fileType.DIRECTORY;
    if (!firsts.has(key)) firsts.set(key, path);
    found.push([
      path,
      {
        mode: status.mode.toString(8),
        owner: `${status.uid}:${status.gid}`,
        time: `${status.seconds}.${status.nanoseconds}`,
        device: `${status.major}:${status.minor}`,
        target: textOf(node.target),
        attributes: node.attributes
          .filter(({ name }) => !name.includes("overlay"))
          .map(({ name, value }) => `${name}=${Buffer.from(value).toString("hex")}`),
        ...(folder ? {} : { size: status.size, first: firsts.get(key) }),
        ...(node.fd >= 0 && !folder ? { bytes: hash(node.fd) } : {}),
      },
    ]);
  }
  return Object.fromEntries(found);
}

function hash(fd: number): string {
  const hasher = new Bun.CryptoHasher("sha1");
  const bytes = Buffer.alloc(1 << 20);
  for (let at = 0; ;) {
    const n = readBytesAt(fd, bytes, at);
    if (n <= 0) return hasher.digest("hex");
    hasher.update(bytes.subarray(0, n));
    at += n;
  }
}
