/** What all bundles of one hunt share: the probe, the base of the root file systems, mounts to bind, namespaces to join. */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  rmdirSync,
} from "node:fs";
import { copyFileSync, lchownSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { NamespaceType } from "../../src/spec/oci/values.ts";
import type { Case } from "./case.ts";

const probeSource = join(import.meta.dirname, "probe.c");
/** Below the tree's folder: place, options, propagation. */
const treeMounts = [
  ["", "", "private"],
  ["/sub", ",nosuid", "private"],
  ["/sub/deep", ",nosuid", "private"],
  ["/shared", ",nosuid", "shared"],
] as const;

/** A folder in the temporary folder, with the probe built and the mounts made; disposed of, all of it is gone. */
export class World implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-diff-"));
  readonly probe = join(this.folder, "probe");
  /** The cgroup below which containers with a path of their own are. */
  readonly cgroup = `sampan-diff-${process.pid}`;

  constructor() {
    chmodSync(this.folder, 0o755);
    call("gcc", "-std=gnu17", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", this.probe, probeSource);
    copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(this.folder, "busybox"));
    chmodSync(join(this.folder, "busybox"), 0o755);
  }

  [Symbol.dispose](): void {
    for (const place of mountsBelow(this.folder)) Bun.spawnSync(["umount", "-l", place]);
    rmSync(this.folder, { recursive: true, force: true });
    for (const root of cgroupRoots()) removeFolders(join(root, this.cgroup));
  }
}

/** The last ones first. */
function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((place) => place.startsWith(`${folder}/`))
    .toReversed();
}

/** `$TREE`: mounts within mounts, and one that is shared with its peers. Disposed of, they are gone. */
export class Tree implements Disposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path);
    const made = treeMounts.map(
      ([name, options, propagation]) =>
        `mkdir -p ${path}${name} && mount -t tmpfs -o size=1m,mode=755${options} tree${name} ${path}${name} && ` +
        `mount --make-${propagation} ${path}${name} && echo tree${name} >${path}${name}/file`,
    );
    call("sh", "-ec", [...made, `echo plain >${path}/plain`].join("\n"));
  }

  [Symbol.dispose](): void {
    Bun.spawnSync(["umount", "-l", ...treeMounts.map(([name]) => this.path + name).toReversed()]);
    rmSync(this.path, { recursive: true, force: true });
  }
}

function call(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

/** Where this process's own cgroup is in each hierarchy, and the hierarchies' tops. */
function cgroupRoots(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  const own = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .map((line) => line.split(":")[2] ?? "/");
  return mounts.flatMap((mount) => [...new Set(["/", ...own])].map((path) => join(mount, path)));
}

/** Cgroups: folders can be removed, their files cannot. */
function removeFolders(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeFolders(join(folder, entry.name));
  rmdirSync(folder);
}

const folders = [
  "proc",
  "sys",
  "dev",
  "tmp",
  "etc",
  "run",
  "bin",
  "var",
  "data",
  "data/sub",
  "home",
  "home/user",
];
const passwd =
  "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
const group = "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n";

/** Puts the bundle of a case into a new folder, without config.json. */
export function layOut({ folder }: World, { files, owner }: Case, bundle: string): void {
  const root = join(bundle, "rootfs");
  mkdirSync(root, { recursive: true });
  mkdirSync(join(bundle, "hooks"));
  chmodSync(join(bundle, "hooks"), 0o777);
  for (const name of folders) mkdirSync(join(root, name));
  chmodSync(join(root, "tmp"), 0o1777);
  linkSync(join(folder, "probe"), join(root, "probe"));
  linkSync(join(folder, "busybox"), join(root, "bin/busybox"));
  writeFileSync(join(root, "etc/passwd"), passwd);
  writeFileSync(join(root, "etc/group"), group);
  writeFileSync(join(root, "data/file"), "in the data folder\n");
  writeFileSync(join(root, "data/sub/file"), "in the folder below\n");
  writeFileSync(join(root, "not-executable"), "text\n");
  for (const [name, target] of [
    ["link", "data"],
    ["absolute", "/data"],
    ["outside", "../../../../../../../../tmp"],
    ["file-link", "data/file"],
    ["dangling", "/nowhere/deep"],
    ["loop", "loop"],
  ] as const)
    symlinkSync(target, join(root, name));
  for (const file of files) add(bundle, file);
  if (owner !== 0) give(root, owner);
}

function add(bundle: string, { path, kind, mode, text = "" }: Case["files"][number]): void {
  const full = join(bundle, path);
  mkdirSync(kind === "folder" ? full : dirname(full), { recursive: true });
  if (kind === "file") writeFileSync(full, text);
  if (kind === "link") symlinkSync(text, full);
  if (mode !== undefined) chmodSync(full, mode);
}

/** All but the files that bundles share gets another owner. */
function give(folder: string, owner: number): void {
  chownSync(folder, owner, owner);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) give(path, owner);
    else if (entry.name !== "probe" && entry.name !== "busybox") lchownSync(path, owner, owner);
  }
}

const flags: Readonly<Record<NamespaceType, number>> = {
  user: 0x10000000,
  pid: 0x20000000,
  mount: 0x00020000,
  ipc: 0x08000000,
  uts: 0x04000000,
  network: 0x40000000,
  cgroup: 0x02000000,
  time: 0x00000080,
};

/** A process with namespaces of its own that others can join, until it is disposed of. */
export class Holder implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Bun.Subprocess<"pipe", "pipe", "ignore">;

  private constructor(pid: number, process: Bun.Subprocess<"pipe", "pipe", "ignore">) {
    this.pid = pid;
    this.#process = process;
  }

  static async of(world: World, types: readonly NamespaceType[]): Promise<Holder> {
    const mask = types.reduce((sum, type) => sum + flags[type], 0);
    const child = Bun.spawn([world.probe, "hold", String(mask)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    const { value } = await child.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    if (!pid) throw new Error(`cannot hold namespaces ${types.join(", ")}`);
    if (types.includes("user"))
      for (const map of ["uid_map", "gid_map"]) writeFileSync(`/proc/${pid}/${map}`, "0 100000 65536\n");
    return new Holder(pid, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.end();
    await this.#process.exited;
  }
}
