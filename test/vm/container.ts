/** Containers in the guest, made by a runtime with runc's command line: ours, or runc as the reference. */
import type { OciConfig, OciMount, OciResources } from "../../src/spec/oci/config.ts";
import { patience, type GuestCommand, type Result } from "./command.ts";
import type { RunOptions, VirtualMachine } from "./machine.ts";
import { bundle, sampan } from "./runtime-files.ts";

export interface Runtime {
  readonly name: "sampan" | "runc";
  readonly argv: readonly string[];
}

export const ours: Runtime = { name: "sampan", argv: [sampan, "runtime"] };
export const reference: Runtime = { name: "runc", argv: ["/usr/bin/runc"] };

export interface ContainerOptions {
  /** What runs in it; a process that waits for a signal unless given. */
  readonly args?: readonly string[];
  readonly resources?: OciResources;
  /** `/test/<id>` unless given. */
  readonly cgroupsPath?: string;
  /** Where that is below /sys/fs/cgroup, when it is not cgroupsPath itself. */
  readonly cgroup?: string;
  /** Besides proc, /dev and /tmp. */
  readonly mounts?: readonly OciMount[];
  /** Besides pid, mount, ipc, uts and cgroup. */
  readonly change?: (config: OciConfig) => void;
  /** The runtime's state folder; /run/<name of the runtime> unless given. */
  readonly root?: string;
  /** More global options, before the command. */
  readonly global?: readonly string[];
  /** Words before the runtime's own: another user, another cgroup. */
  readonly prefix?: readonly string[];
}

/** Never ends by itself. As the first process of a pid namespace it would not even see SIGTERM without a handler. */
const waiting = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"];

const capabilities = ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_KILL", "CAP_DAC_OVERRIDE", "CAP_SYS_RESOURCE"];

/** The config.json of a container with the usual namespaces and mounts. */
export function configOf(cgroupsPath: string, options: ContainerOptions): OciConfig {
  const config: OciConfig = {
    ociVersion: "1.0.2",
    root: { path: `${bundle}/rootfs` },
    process: {
      user: { uid: 0, gid: 0 },
      cwd: "/",
      args: [...(options.args ?? waiting)],
      env: ["PATH=/bin"],
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] },
      ...(options.mounts ?? []),
    ],
    linux: {
      namespaces: (["pid", "mount", "ipc", "uts", "cgroup"] as const).map((type) => ({ type })),
      cgroupsPath,
      ...(options.resources === undefined ? {} : { resources: options.resources }),
    },
  };
  options.change?.(config);
  return config;
}

let count = 0;

/** One container. `await using` removes it, also when its test fails. */
export class GuestContainer implements AsyncDisposable {
  readonly id = `c${++count}`;
  readonly cgroupsPath: string;
  readonly #vm: VirtualMachine;
  readonly #runtime: Runtime;
  readonly #options: ContainerOptions;

  constructor(vm: VirtualMachine, runtime: Runtime, options: ContainerOptions = {}) {
    this.#vm = vm;
    this.#runtime = runtime;
    this.#options = options;
    this.cgroupsPath = options.cgroupsPath ?? `/test/${this.id}`;
  }

  /** The cgroup's folder in the guest. */
  get cgroup(): string {
    return `/sys/fs/cgroup${this.#options.cgroup ?? this.cgroupsPath}`;
  }

  /** Runs the container in the foreground. */
  async run(options: RunOptions = {}): Promise<Result> {
    return this.#vm.run(await this.#with(["run"]), options);
  }

  /** Runs it in the background. What it prints is the returned command's output. Rejects when that fails. */
  async start(): Promise<GuestCommand> {
    const command = this.#vm.start(await this.#with(["run", "--detach"]));
    const { exitCode, stderr } = await command.within(patience);
    if (exitCode !== 0)
      throw new Error(`cannot run container "${this.id}" with ${this.#runtime.name}: ${stderr}`);
    return command;
  }

  /** `call("exec", "ID", …)`: the word ID stands for the container's. */
  call(...words: readonly string[]): Promise<Result> {
    return this.#vm.run(this.argv(...words));
  }

  argv(...words: readonly string[]): string[] {
    const folder = this.#options.root ?? `/run/${this.#runtime.name}`;
    const global = ["--root", folder, ...(this.#options.global ?? [])];
    const prefix = this.#options.prefix ?? [];
    return [
      ...prefix,
      ...this.#runtime.argv,
      ...global,
      ...words.map((word) => (word === "ID" ? this.id : word)),
    ];
  }

  async exec(script: string): Promise<Result> {
    return this.call("exec", "ID", "sh", "-c", script);
  }

  /** The state's JSON. */
  async state(): Promise<{ readonly status: string; readonly pid: number }> {
    const { stdout, stderr, exitCode } = await this.call("state", "ID");
    if (exitCode !== 0) throw new Error(`cannot get the state of container "${this.id}": ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A file of the container's cgroup, without the last newline. */
  async file(name: string): Promise<string> {
    return (await this.#vm.read(`${this.cgroup}/${name}`)).trimEnd();
  }

  /** As file, on v1. */
  async fileIn(controller: string, name: string): Promise<string> {
    return (await this.#vm.read(`/sys/fs/cgroup/${controller}${this.cgroupsPath}/${name}`)).trimEnd();
  }

  async exists(): Promise<boolean> {
    return (await this.#vm.run(["test", "-d", this.cgroup])).exitCode === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call("delete", "--force", "ID");
  }

  async #with(words: readonly string[]): Promise<string[]> {
    const folder = `/run/bundles/${this.id}`;
    await this.#vm.write(`${folder}/config.json`, JSON.stringify(configOf(this.cgroupsPath, this.#options)));
    return this.argv(...words, "--bundle", folder, "ID");
  }
}
