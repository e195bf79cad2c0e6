/** Runs one build of the launcher with a plan of a test's own, as src/runtime does it, but from files and without root. */
import { mkdtempSync, openSync, readSync, closeSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePlan, type Fault } from "../../src/runtime/native/plan/encode.ts";
import type { Operation } from "../../src/runtime/native/plan/operations.ts";

export interface Build {
  readonly name: string;
  readonly file: string;
  readonly command: readonly string[];
  /** Whether the emulator knows openat2(2); QEMU 7.2 does not. */
  readonly openat2: boolean;
}

/** Every build that `make launcher` makes. */
export const builds: readonly Build[] = [
  build("x64", "build/launcher-x64"),
  build("x64 with fault injection", "build/launcher-faults"),
  build("x64 under the sanitizers", "build/launcher-sanitized"),
  {
    name: "arm64 under qemu-aarch64",
    file: "build/launcher-arm64",
    command: ["qemu-aarch64", "build/launcher-arm64"],
    openat2: false,
  },
];

function build(name: string, file: string): Build {
  return { name, file, command: [file], openat2: true };
}

/** The 256 bytes that the launcher sends, without pids; kind 1 is "ready", 2 "failed". */
export interface Report {
  readonly kind: number;
  readonly stage: number;
  readonly index: number;
  readonly errno: number;
  readonly detail: string;
}

export interface Launched {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
  readonly report: Report | undefined;
}

export interface LaunchOptions {
  readonly fault?: Fault;
  /** Takes the encoded plan and gives the bytes that the launcher is shown. */
  readonly damage?: (plan: Uint8Array) => Uint8Array;
}

/** Executes `parent` as the plan's first stage. */
export async function launch(
  { command }: Build,
  parent: readonly Operation[],
  options: LaunchOptions = {},
): Promise<Launched> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-launch-"));
  const path = join(folder, "plan");
  const plan = encodePlan({ parent, middle: [], init: [] }, options.fault);
  writeFileSync(path, options.damage?.(plan) ?? plan);
  const fd = openSync(path, "r");
  try {
    const child = Bun.spawn([...command, "3", "4"], { stdio: ["ignore", "pipe", "pipe", fd, "pipe"] });
    const [status, output, errors] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { status, output, errors, report: readReport(child.stdio[4]) };
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

/** The child has ended, so its report is there as a whole or there is none. */
function readReport(socket: unknown): Report | undefined {
  const bytes = new Uint8Array(256);
  if (typeof socket !== "number" || readSync(socket, bytes) !== bytes.length) return undefined;
  const view = new DataView(bytes.buffer);
  const [kind = 0, stage = 0, index = 0, errno = 0] = [0, 4, 8, 12].map((at) => view.getInt32(at, true));
  const detail = new TextDecoder().decode(bytes.subarray(24)).replace(/\0.*$/s, "");
  return { kind, stage, index, errno, detail };
}
