/**
 * Starts the launcher as the runtime does, with a plan in a memory file and one end of a SOCK_SEQPACKET pair for its reports, and gives
 * what it said and how it ended. The builds are the shipped one, the one that fails where the plan says so, and the sanitized one.
 */
import { expect } from "bun:test";
import { chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closeFd,
  killProcess,
  memfd,
  openPidFd,
  readInto,
  socketPair,
  waitFor,
  waitReadable,
  writeAll,
} from "../../src/kernel/libc.ts";
import { encodePlan, type Fault } from "../../src/runtime/native/plan/encode.ts";
import {
  op,
  stages,
  type Operation,
  type Plan,
  type Stage,
} from "../../src/runtime/native/plan/operations.ts";

export type Build = "launcher" | "launcher-faults" | "launcher-sanitized";
/** What every test of an operation runs under. */
export const builds = ["launcher", "launcher-sanitized"] as const satisfies readonly Build[];
/** The builds that obey a plan's fault. */
export const faultyBuilds = ["launcher-faults", "launcher-sanitized"] as const satisfies readonly Build[];

/** struct report of launcher/launcher.h. `pid` and `middle` are 0 until those processes are made. */
export interface Report {
  readonly kind: "ready" | "failed";
  readonly stage: Stage;
  readonly index: number;
  readonly errno: number;
  readonly pid: number;
  readonly middle: number;
  readonly detail: string;
}

export interface Options {
  readonly build?: Build;
  readonly fault?: Fault;
  /** Bytes of a plan in place of an encoded one. */
  readonly bytes?: Uint8Array;
  /** Descriptors that the launcher finds from 5 up. */
  readonly fds?: readonly number[];
  readonly stdin?: "ignore" | "pipe" | number;
  readonly stdout?: "pipe" | number;
  /** A command that becomes the launcher: `env` with what it changes. */
  readonly through?: readonly string[];
  /** A command that runs the launcher with the arguments 3 and 4 itself. */
  readonly command?: readonly string[];
}

export interface Outcome {
  readonly status: number | null;
  readonly reports: readonly Report[];
  readonly stdout: string;
  readonly stderr: string;
}

export const firstExtraFd = 5;

/** A launcher that runs. `dispose` ends it and all processes that it reported, and takes their exit statuses. */
export class Launched implements AsyncDisposable {
  readonly process: Bun.Subprocess<"ignore" | "pipe" | number, "pipe" | number, "pipe">;
  readonly #reports: number;
  readonly #children = new Set<number>();
  #deserted = false;

  constructor(plan: Partial<Plan>, options: Options) {
    const bytes = options.bytes ?? encodePlan({ parent: [], middle: [], init: [], ...plan }, options.fault);
    const planFd = memfd("sampan-test-plan", true);
    writeAll(planFd, bytes);
    const [mine, its] = socketPair(5);
    this.#reports = mine;
    const { through = [], command = [...through, `build/${options.build ?? "launcher"}`, "3", "4"] } =
      options;
    this.process = Bun.spawn([...command], {
      stdio: [
        options.stdin ?? "ignore",
        options.stdout ?? "pipe",
        "pipe",
        planFd,
        its,
        ...(options.fds ?? []),
      ],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ASAN_OPTIONS: "detect_leaks=0" },
    }) as typeof this.process;
    closeFd(planFd);
    closeFd(its);
  }

  /** The next report; undefined when nobody is left who could send one, or after `ms`. */
  report(ms = 20_000): Report | undefined {
    const bytes = new Uint8Array(256);
    if (!waitReadable(this.#reports, ms)) return undefined;
    const n = readInto(this.#reports, bytes);
    if (n === 0) return undefined;
    expect(n).toBe(256);
    const report = decodeReport(bytes);
    for (const pid of [report.pid, report.middle]) if (pid > 0) this.#children.add(pid);
    return report;
  }

  /** Tells a monitor that its process was taken note of. */
  keep(): void {
    writeAll(this.#reports, new Uint8Array([1]));
  }

  /** Goes without a word, as a caller that is killed. */
  desert(): void {
    closeFd(this.#reports);
    this.#deserted = true;
  }

  /** Waits for the launcher's end; the reports that are there by then. */
  async ended(): Promise<Outcome> {
    const stdout =
      this.process.stdout instanceof ReadableStream ? new Response(this.process.stdout).text() : "";
    const stderr = new Response(this.process.stderr).text();
    const status = await this.process.exited;
    const reports: Report[] = [];
    for (let report = this.report(0); report; report = this.report(0)) reports.push(report);
    await this.#killChildren();
    const outcome = {
      status: this.process.signalCode ? null : status,
      reports,
      stdout: await stdout,
      stderr: await stderr,
    };
    expect(outcome.stderr).not.toMatch(/runtime error:|AddressSanitizer/);
    return outcome;
  }

  /** Plans that clone with CLONE_PARENT make children of this process, which no one else waits for. */
  async #killChildren(): Promise<void> {
    for (const pid of this.#children) {
      if (parentOf(pid) !== process.pid) continue;
      killProcess(pid, 9);
      waitFor(pid);
    }
    this.#children.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill(9);
    await this.process.exited;
    if (this.#deserted) return;
    while (this.report(0)) continue;
    await this.#killChildren();
    closeFd(this.#reports);
  }
}

function decodeReport(bytes: Uint8Array): Report {
  const view = new DataView(bytes.buffer);
  const number = (at: number) => view.getInt32(at, true);
  return {
    kind: number(0) === 1 ? "ready" : "failed",
    stage: stages[number(4)] ?? "parent",
    index: number(8),
    errno: number(12),
    pid: number(16),
    middle: number(20),
    detail: new TextDecoder().decode(bytes.subarray(24, bytes.indexOf(0, 24))),
  };
}

/** 0 for a process that is not there. */
export function parentOf(pid: number): number {
  try {
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Whether a process ends by itself, soon: its pidfd becomes readable. */
export function ends(pid: number): boolean {
  const fd = openPidFd(pid);
  if (fd < 0) return true;
  try {
    return waitReadable(fd, 10_000);
  } finally {
    closeFd(fd);
  }
}

/** Starts the launcher and waits for its end. */
export async function launch(plan: Partial<Plan>, options: Options = {}): Promise<Outcome> {
  await using launched = new Launched(plan, options);
  return await launched.ended();
}

/** Runs a plan that must succeed; gives its standard output. */
export async function succeed(plan: Partial<Plan>, options: Options = {}): Promise<string> {
  const { status, reports, stdout, stderr } = await launch(plan, options);
  expect({ status, stderr, failed: reports.filter(({ kind }) => kind === "failed") }).toEqual({
    status: 0,
    stderr: "",
    failed: [],
  });
  expect(reports.at(-1)?.kind).toBe("ready");
  return stdout;
}

/** Runs a plan that must fail; gives its first failure, which is the cause. */
export async function failure(plan: Partial<Plan>, options: Options = {}): Promise<Report> {
  const { status, reports, stderr } = await launch(plan, options);
  const first = reports.find(({ kind }) => kind === "failed");
  if (!first || status === 0)
    throw new Error(`the plan did not fail: ${JSON.stringify({ status, reports, stderr })}`);
  return first;
}

/** A shell command of the host, run by the launcher where the plan has come to: it sees that process's namespaces and root. */
export function shell(script: string): Operation {
  const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
  return op("run", { path: "/bin/sh", argv: ["sh", "-c", script], env }, "test");
}

/** A mount namespace of its own, from which nothing reaches the host. */
export function privateMounts(): Operation[] {
  return [
    op("unshare", { flags: 0x20000 }, "test"),
    op("mount", { target: "/", flags: 0x4000 | 0x40000 }, "test"),
  ];
}

/** A new folder that goes when the test ends. */
export function scratch(owner?: number): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "sampan-launcher-"));
  if (owner !== undefined) chownSync(path, owner, owner);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
