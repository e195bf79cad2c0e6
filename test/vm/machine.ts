/**
 * A virtual machine to run commands in, with cgroup v2 only unless another kind is asked for:
 *
 *     await using vm = await bootVm({ files: runtimeFiles() });
 *     const { exitCode, stdout } = await vm.run(["sampan", "runtime", "--version"]);
 *
 * The guest is busybox on Debian's cloud kernel. Each machine starts from the same disk and keeps nothing. It ends with `await using`, and
 * with the process that booted it.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../src/base/errors.ts";
import { chooseAccelerator } from "./accelerator.ts";
import { GuestCommand, patience, type Result } from "./command.ts";
import * as frames from "./frames.ts";
import type { GuestFile } from "./image.ts";
import { kernel, vmFolder, whyNoMachine } from "./place.ts";
import { initialFileSystem, rootDisk } from "./prepare.ts";
import { qemuArguments, type Accelerator, type Cgroups } from "./qemu.ts";

export interface MachineOptions {
  /** 512 unless given. */
  readonly memoryMiB?: number;
  /** 2 unless given. */
  readonly cpus?: number;
  /** v2 unless given. */
  readonly cgroups?: Cgroups;
  /** What the disk has besides busybox. */
  readonly files?: readonly GuestFile[];
  /** An ext4 image to start from instead of one made of `files`. */
  readonly disk?: string;
  /** The guest's first program on its disk; it has to start /sbin/agent. */
  readonly boot?: string;
  /** More words for the kernel's command line. */
  readonly kernelArguments?: readonly string[];
  /** How long the guest may take until its agent answers; 60 unless given. */
  readonly bootSeconds?: number;
  /** How long the agent may say nothing before the guest counts as standing still; 24 unless given. */
  readonly silentSeconds?: number;
  /** The better one that works here, unless given. */
  readonly accelerator?: Accelerator;
}

export interface RunOptions {
  /** After this many seconds the command is killed, and run rejects; 60 unless given. */
  readonly seconds?: number;
  readonly input?: string | Uint8Array;
  /** Added to PATH, HOME and TERM. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

const environment = { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", TERM: "dumb" };

/**
 * Boots a machine and waits for its agent.
 *
 * @throws SampanError failed_precondition with whyNoMachine's reason; unavailable, with the end of the console, when the guest does not
 *   come up in time.
 */
export async function bootVm(options: MachineOptions = {}): Promise<VirtualMachine> {
  const reason = whyNoMachine();
  if (reason !== undefined) throw new SampanError("failed_precondition", `cannot boot a machine: ${reason}`);
  const accelerator = options.accelerator ?? (await chooseAccelerator(kvmRunsGuests));
  const machine = new VirtualMachine(accelerator, options);
  try {
    await machine.ready;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
  return machine;
}

/** Where KVM works, the agent answers in less than a second. */
const kvmSeconds = 5;

async function kvmRunsGuests(): Promise<boolean> {
  try {
    await using _ = await bootVm({ accelerator: "kvm", bootSeconds: kvmSeconds });
    return true;
  } catch {
    return false;
  }
}

function hostClockKhz(): number {
  const megahertz = /^cpu MHz\s*: ([\d.]+)/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return Math.round(Number(megahertz ?? 1000) * 1000);
}

/** After so many questions without any word from the agent the guest counts as standing still. */
const mostUnanswered = 6;

type Qemu = Bun.Subprocess<"pipe", "pipe", "pipe">;

export class VirtualMachine implements AsyncDisposable {
  readonly accelerator: Accelerator;
  /** Resolves when the agent answers. */
  readonly ready: Promise<void>;
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #folder: string;
  readonly #qemu: Qemu;
  readonly #commands = new Map<number, GuestCommand>();
  readonly #gone: Promise<void>;
  #next = 1;
  /** Questions that were asked since the agent last said anything. */
  #unanswered = 0;
  readonly #silentSeconds: number;
  #isUp = false;
  #stalled = false;
  /** Why nothing runs here any more. */
  #over: string | undefined;

  constructor(accelerator: Accelerator, options: MachineOptions) {
    this.accelerator = accelerator;
    this.ready = this.#ready.promise;
    const hardware = {
      accelerator,
      memoryMiB: options.memoryMiB ?? 512,
      cpus: options.cpus ?? 2,
      kernel,
      initramfs: initialFileSystem(),
      disk: options.disk ?? rootDisk(options.files ?? []),
      boot: options.boot ?? "/sbin/start",
      cgroups: options.cgroups ?? "v2",
      clockKhz: hostClockKhz(),
      kernelArguments: options.kernelArguments ?? [],
    };
    this.#folder = mkdtempSync(join(vmFolder, "machine-"));
    const command = qemuArguments({ ...hardware, console: join(this.#folder, "console") });
    // Killed with this process, even by SIGKILL; the closed port ends the guest as well, but only once it has booted.
    this.#qemu = Bun.spawn(["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", ...command], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const timer = setTimeout(() => this.#qemu.kill("SIGKILL"), (options.bootSeconds ?? 60) * 1000);
    this.#ready.promise.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
    this.#silentSeconds = options.silentSeconds ?? 24;
    const watching = setInterval(() => this.#watch(), (this.#silentSeconds * 1000) / mostUnanswered);
    watching.unref();
    this.#gone = this.#receive().finally(() => clearInterval(watching));
  }

  /** QEMU's process. */
  get pid(): number {
    return this.#qemu.pid;
  }

  /** What the kernel has written to its console. */
  get console(): string {
    return readFileSync(join(this.#folder, "console"), "utf8");
  }

  /**
   * Runs a command to the end of its first process. What it leaves running may hold its output open; nobody waits for that.
   *
   * @throws SampanError deadline_exceeded, with the output until then; also when the guest stands still, which is noticed within half a minute.
   */
  run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.start(argv, options).within(options.seconds ?? patience);
  }

  /** As run, for a line of the guest's shell. */
  shell(script: string, options: RunOptions = {}): Promise<Result> {
    return this.run(["/bin/sh", "-c", script], options);
  }

  /** Starts a command in its own session. */
  start(argv: readonly string[], options: Omit<RunOptions, "seconds"> = {}): GuestCommand {
    const number = this.#next++;
    const command = new GuestCommand(argv, (signal) =>
      this.#send({ kind: frames.kinds.kill, command: number, payload: frames.encodeSignal(signal) }),
    );
    if (this.#over !== undefined) {
      command.abandon(this.#over);
      return command;
    }
    this.#commands.set(number, command);
    const input = options.input ?? "";
    const payload = frames.encodeRequest({
      argv,
      directory: options.directory ?? "/root",
      environment: { ...environment, ...options.environment },
      input: typeof input === "string" ? new TextEncoder().encode(input) : input,
    });
    this.#send({ kind: frames.kinds.run, command: number, payload });
    return command;
  }

  /** Writes a file of the guest, with its folders. */
  async write(path: string, contents: string | Uint8Array): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && cat >"$1"';
    const { exitCode, stderr } = await this.run(["/bin/sh", "-c", script, "write", path], {
      input: contents,
    });
    if (exitCode !== 0)
      throw new SampanError("unknown", `cannot write "${path}" in the guest: ${stderr.trim()}`);
  }

  /**
   * Reads a file of the guest.
   *
   * @throws SampanError not_found
   */
  async read(path: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(["/bin/cat", path]);
    if (exitCode !== 0)
      throw new SampanError("not_found", `cannot read "${path}" in the guest: ${stderr.trim()}`);
    return stdout;
  }

  /** Ends the machine, and with it all that runs in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#qemu.kill("SIGKILL");
    await Promise.all([this.#qemu.exited, this.#gone]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #send(frame: frames.Frame): void {
    void this.#qemu.stdin.write(frames.encodeFrame(frame));
    void this.#qemu.stdin.flush();
  }

  async #receive(): Promise<void> {
    const errors = new Response(this.#qemu.stderr).text();
    for await (const frame of frames.decodeFrames(this.#qemu.stdout)) this.#dispatch(frame);
    const how = this.#stalled ? this.#silence() : await errors;
    const reason = `the machine is gone: ${how}\n${this.console.slice(-6000)}`;
    this.#over = reason;
    this.#ready.reject(
      new SampanError("unavailable", `cannot boot a machine with ${this.accelerator}: ${reason}`),
    );
    for (const command of this.#commands.values()) command.abandon(reason);
    this.#commands.clear();
  }

  /**
   * A guest under software emulation can stand still for ever. Questions are counted and not the time: when this process itself was held up, answers that
   * have come are read before the next question.
   */
  #watch(): void {
    if (!this.#isUp) return;
    if (this.#unanswered >= mostUnanswered) {
      this.#stalled = true;
      this.#qemu.kill("SIGKILL");
      return;
    }
    this.#unanswered += 1;
    this.#send({ kind: frames.kinds.ping, command: 0, payload: new Uint8Array() });
  }

  #silence(): string {
    return `the guest stands still: its agent has not answered for ${this.#silentSeconds} s`;
  }

  #dispatch({ kind, command: number, payload }: frames.Frame): void {
    const command = this.#commands.get(number);
    this.#unanswered = 0;
    if (kind === frames.kinds.ready) {
      this.#isUp = true;
      this.#ready.resolve();
    } else if (kind === frames.kinds.stdout) command?.receive("stdout", payload);
    else if (kind === frames.kinds.stderr) command?.receive("stderr", payload);
    else if (kind === frames.kinds.exit) command?.end(frames.decodeEnd(payload));
  }
}
