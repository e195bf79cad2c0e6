/** A folder of a test's own, the C programs of this folder, and what of the host must be the same afterwards. */
import {
  copyFileSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary folder that is removed on disposal. */
export function scratch(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "sampan-security-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const built = new Map<string, Buffer>();

/** A static program made of `NAME.c` of this folder, put into `folder`; gives its path. */
export function program(name: "probe" | "racer" | "family", folder: string): string {
  const path = join(folder, name);
  const bytes = built.get(name);
  if (bytes) {
    Bun.spawnSync(["install", "-m", "755", "/dev/stdin", path], { stdin: bytes });
    return path;
  }
  const source = join(import.meta.dir, `${name}.c`);
  const gcc = Bun.spawnSync([
    "gcc",
    "-static",
    "-no-pie",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-o",
    path,
    source,
  ]);
  if (gcc.exitCode !== 0) throw new Error(`cannot compile ${name}.c: ${gcc.stderr.toString()}`);
  built.set(name, readFileSync(path));
  return path;
}

/** Copies the machine's busybox and links `names` to it. */
export function busybox(bin: string, names: readonly string[]): void {
  copyFileSync(Bun.which("busybox") ?? "", join(bin, "busybox"));
  for (const name of names) Bun.spawnSync(["ln", "-sf", "busybox", join(bin, name)]);
}

function line(path: string, name: string): string {
  const { mode, uid, gid, size, ino, nlink, rdev, mtimeMs } = lstatSync(path);
  const type = mode & 0o170000;
  const content =
    type === 0o120000
      ? readlinkSync(path)
      : type === 0o100000
        ? Bun.hash(readFileSync(path)).toString(16)
        : "";
  return [name, ino, mode.toString(8), uid, gid, size, nlink, rdev, mtimeMs, content].join(" ");
}

/** Every name below a folder with its inode, mode, owner, size, links, device, time and a hash of its content; what a later one differs in was changed. */
export function treeOf(folder: string, below = "."): string[] {
  const here = join(folder, below);
  const own = [line(here, below)];
  if (!lstatSync(here).isDirectory()) return own;
  return [
    ...own,
    ...readdirSync(here)
      .toSorted()
      .flatMap((name) => treeOf(folder, join(below, name))),
  ];
}

/** The mounts of the host at or below a folder. */
export function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((mount) => (mount.split(" ")[4] ?? "").startsWith(folder));
}
