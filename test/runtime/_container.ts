/**
 * Bundles with busybox as their root file system, and the runtime's command line on them, as its callers use it: black box. The
 * executable is dist/sampan, or what SAMPAN_EXECUTABLE names. `runc` is the reference where a test compares.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { OciConfig, OciLinux, OciProcess } from "../../src/spec/oci/config.ts";
import { defaultConfig } from "../../src/spec/oci/default.ts";

export const executable = resolve(process.env["SAMPAN_EXECUTABLE"] ?? "dist/sampan");
export const needs = { root: true, programs: ["busybox"], files: [executable] } as const;

const applets =
  "sh true false cat echo ls sleep id env hostname uname stat mount ip kill readlink stty grep head wc tail ps pwd test mkfifo touch seq tr cut rm setsid nproc ulimit date";

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Put before the program: setpriv, ip netns exec, script. */
  readonly through?: readonly string[];
  /** Global flags of the runtime. */
  readonly flags?: readonly string[];
  /** A file that takes standard output, which a detached container keeps open. */
  readonly stdout?: string;
  /** Descriptors that the runtime has from 3 up. */
  readonly fds?: readonly number[];
  /** Milliseconds after which the runtime is killed. */
  readonly timeout?: number;
}

export interface BundleOptions {
  readonly config?: (config: OciConfig) => void;
  readonly args?: readonly string[];
  /** Shell script to run in place of args. */
  readonly script?: string;
  /** Where the bundle is made; a folder that all users may pass. */
  readonly parent?: string;
}

/** config.json with every part that tests change present. */
export type FullConfig = OciConfig & { process: OciProcess; linux: OciLinux };

let count = 0;

/** A bundle, a state root of its own, and ids that nobody else has. Disposing deletes every container in the root. */
export class Box implements Disposable {
  readonly dir: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly root: string;
  readonly id: string;

  constructor(options: BundleOptions = {}) {
    this.dir = mkdtempSync(join(options.parent ?? tmpdir(), "sampan-runtime-"));
    chmodSync(this.dir, 0o755);
    this.bundle = join(this.dir, "bundle");
    this.rootfs = join(this.bundle, "rootfs");
    this.root = join(this.dir, "root");
    this.id = `sampan-test-${process.pid}-${count++}`;
    for (const name of ["bin", "etc", "proc", "sys", "dev", "tmp", "root"])
      mkdirSync(join(this.rootfs, name), { recursive: true });
    copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(this.rootfs, "bin/busybox"));
    for (const name of applets.split(" ")) symlinkSync("busybox", join(this.rootfs, "bin", name));
    writeFileSync(join(this.rootfs, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
    this.write(options);
  }

  /** Writes config.json anew. */
  write(options: BundleOptions = {}): void {
    const config = plainConfig(options.script ? ["sh", "-c", options.script] : (options.args ?? ["true"]));
    options.config?.(config);
    writeFileSync(join(this.bundle, "config.json"), JSON.stringify(config));
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  /** The whole command line. */
  argv(args: readonly string[], options: RunOptions = {}): string[] {
    return [
      ...(options.through ?? []),
      executable,
      "runtime",
      "--root",
      this.root,
      ...(options.flags ?? []),
      ...args,
    ];
  }

  /** Runs a command of the runtime to its end. */
  run(args: readonly string[], options: RunOptions = {}): Outcome {
    const out = options.stdout === undefined ? "pipe" : Bun.file(options.stdout);
    const errors = options.stdout === undefined ? "pipe" : Bun.file(`${options.stdout}-errors`);
    const input = options.stdin === undefined ? "ignore" : Buffer.from(options.stdin);
    const done = Bun.spawnSync(this.argv(args, options), {
      env: { ...plainEnvironment(), ...options.env },
      stdio: [input, out, errors, ...(options.fds ?? [])],
      cwd: options.cwd ?? this.bundle,
      timeout: options.timeout ?? 30_000,
    });
    if (options.stdout !== undefined)
      return { status: done.exitCode, stdout: "", stderr: readFileSync(`${options.stdout}-errors`, "utf8") };
    return { status: done.exitCode, stdout: String(done.stdout), stderr: String(done.stderr) };
  }

  /** The same, which must end well; gives standard output. */
  ok(args: readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.run(args, options);
    if (status !== 0) throw new Error(`${args.join(" ")}: status ${status}: ${stderr}${stdout}`);
    return stdout;
  }

  /** `create` with standard output in a file, since a pipe would be held open by the container. */
  create(options: RunOptions & { readonly extra?: readonly string[] } = {}): Outcome {
    const out = this.path(`output-${count++}`);
    const done = Bun.spawnSync(
      this.argv(["create", "-b", this.bundle, ...(options.extra ?? []), this.id], options),
      {
        env: { ...plainEnvironment(), ...options.env },
        stdin: "ignore",
        stdout: Bun.file(this.path("stdout")),
        stderr: Bun.file(out),
        cwd: options.cwd ?? this.bundle,
        timeout: 30_000,
      },
    );
    return { status: done.exitCode, stdout: "", stderr: readFileSync(out, "utf8") };
  }

  /** What the container has written since `create`. */
  output(): string {
    return existsSync(this.path("stdout")) ? this.read("stdout") : "";
  }

  /** `run` in the foreground, then the container's standard output. */
  foreground(options: RunOptions & { readonly extra?: readonly string[] } = {}): Outcome {
    return this.run(["run", "-b", this.bundle, ...(options.extra ?? []), this.id], options);
  }

  state(id = this.id): { status: string; pid: number; [key: string]: unknown } {
    return JSON.parse(this.ok(["state", id])) as { status: string; pid: number };
  }

  /** The control groups of this box's containers that are there. */
  cgroups(): string[] {
    return cgroupsNamed(this.id);
  }

  [Symbol.dispose](): void {
    const ids = existsSync(this.root) ? readdirSync(this.root) : [];
    const left = ids.filter((id) => this.run(["delete", "--force", id]).status !== 0);
    rmSync(this.dir, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`not deleted: ${left.join(", ")}`);
  }
}

export function plainEnvironment(): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
}

/** All namespaces but the user's, no terminal, a writable root. */
export function plainConfig(args: readonly string[]): FullConfig {
  const config = defaultConfig();
  return {
    ...config,
    process: { ...config.process, terminal: false, args: [...args], cwd: "/" },
    root: { path: "rootfs", readonly: false },
    hostname: "box",
    mounts: (config.mounts ?? []).filter(({ type }) => type !== "cgroup"),
    linux: { ...config.linux },
  };
}

/** The messages of a log in text form, without its quoting. */
export function logged(stderr: string): string {
  return [...stderr.matchAll(/ msg="((?:[^"\\]|\\.)*)"/g)]
    .map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1"))
    .join("\n");
}

/** Below every hierarchy: where a relative and an absolute path would put it. */
export function cgroupsNamed(id: string): string[] {
  const own = readFileSync("/proc/self/cgroup", "utf8").matchAll(/^\d+:[^:]*:(.*)$/gm);
  const places = [...own].flatMap((match) => [match[1] ?? "/", join(match[1] ?? "/", "..")]);
  const roots = ["", ...readdirSync("/sys/fs/cgroup")].map((name) => join("/sys/fs/cgroup", name));
  const found = roots.flatMap((root) => ["/", ...places].map((place) => join(root, place, id)));
  return [...new Set(found)].filter((path) => existsSync(join(path, "cgroup.procs")));
}

/** Waits until `look` gives something; the test's own time limit ends it. */
export async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await Bun.sleep(5);
  }
}

/** Adds or replaces a namespace. */
export function namespace(config: OciConfig, type: string, path?: string): void {
  const linux = (config.linux ??= {});
  linux.namespaces = [
    ...(linux.namespaces ?? []).filter((each) => each.type !== type),
    { type: type as never, ...(path !== undefined && { path }) },
  ];
}

export function withoutNamespace(config: OciConfig, type: string): void {
  const linux = (config.linux ??= {});
  linux.namespaces = (linux.namespaces ?? []).filter((each) => each.type !== type);
}

/** Whether a process is there and is no zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
