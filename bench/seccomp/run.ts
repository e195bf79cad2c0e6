/**
 * The cost of a system call under Docker's default seccomp profile: our filter beside libseccomp's, as a line of
 * comparisons (its default) and as its binary tree (SCMP_FLTATR_CTL_OPTIMIZE 2, what runc asks for). Needs gcc and
 * libseccomp-dev. `bun bench/seccomp/run.ts` prints the table.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileSeccomp } from "../../src/runtime/native/seccomp/compile.ts";
import type { SeccompArg, SeccompProfile } from "../../src/runtime/native/seccomp/profile.ts";
import fixture from "../../test/fixtures/seccomp-default.json";

export interface Row {
  name: string;
  ours: number;
  peer: number;
  unit: string;
}

const profile = {
  ...(fixture as SeccompProfile),
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
} satisfies SeccompProfile;

/** In the order of measure.c. */
const calls = [
  "getppid (allowed)",
  "close (allowed)",
  "personality (allowed by argument)",
  "socket (refused by argument)",
  "swapoff (refused)",
];
const rounds = 150;
// Short, so that on a busy machine some are undisturbed.
const callsPerRound = 10_000;

/** The least time of one call, in nanoseconds, ours and libseccomp's, for each kind of call and each of its modes. */
export async function seccompRows(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-bench-seccomp-"));
  try {
    const measure = await build(folder, join(import.meta.dir, "measure.c"), []);
    const exporter = await build(folder, join(import.meta.dir, "../../test/seccomp/export.c"), ["-lseccomp"]);
    const files = [join(folder, "ours"), join(folder, "line"), join(folder, "tree")];
    await Bun.write(files[0]!, compileSeccomp(profile, "x64").filter);
    await Bun.write(files[1]!, await byLibseccomp(exporter, 1));
    await Bun.write(files[2]!, await byLibseccomp(exporter, 2));
    const text = await output([measure, String(rounds), String(callsPerRound), "-", ...files]);
    const [none, ours, line, tree] = text
      .trim()
      .split("\n")
      .map((row) => row.split(" ").map(Number));
    return calls.flatMap((name, index) => [
      { name: `${name}, no filter`, ours: ours![index]!, peer: none![index]!, unit: "ns" },
      { name: `${name}, libseccomp`, ours: ours![index]!, peer: line![index]!, unit: "ns" },
      { name: `${name}, libseccomp's tree`, ours: ours![index]!, peer: tree![index]!, unit: "ns" },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function build(folder: string, source: string, libraries: string[]): Promise<string> {
  const program = join(folder, `program-${Bun.hash(source)}`);
  await output(["gcc", "-O2", "-o", program, source, ...libraries]);
  return program;
}

async function output(command: string[], input = ""): Promise<string> {
  return (await outputBytes(command, input)).toString();
}

async function outputBytes(command: string[], input: string): Promise<Buffer> {
  const child = Bun.spawn(command, { stdin: Buffer.from(input), stdout: "pipe", stderr: "inherit" });
  const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer());
  if ((await child.exited) !== 0) throw new Error(`${command[0]} failed with ${child.exitCode}`);
  return bytes;
}

/** Docker's profile as libseccomp compiles it; see test/seccomp/export.c for the form. */
async function byLibseccomp(exporter: string, optimize: number): Promise<Uint8Array> {
  const actions: Record<string, number> = { SCMP_ACT_ALLOW: 0x7fff0000, SCMP_ACT_ERRNO: 0x50026 };
  const operators = ["", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map((name) => `SCMP_CMP_${name}`);
  const text = (arg: SeccompArg) =>
    `${arg.index} ${operators.indexOf(arg.op)} ${arg.value} ${arg.valueTwo ?? 0}`;
  const rules = profile.syscalls!.flatMap(({ names, action, args }) =>
    names.map((name) => `rule ${actions[action]} ${name} ${(args ?? []).map(text).join(" ")}`),
  );
  const lines = [`profile ${0x50001} ${optimize}`, "arch x86", "arch x32", ...rules, "end", ""];
  return (await outputBytes([exporter], lines.join("\n"))).subarray(4);
}

if (import.meta.main) {
  for (const { name, ours, peer, unit } of await seccompRows()) {
    console.log(`${name.padEnd(52)} ${ours.toFixed(1).padStart(7)} ${peer.toFixed(1).padStart(7)} ${unit}`);
  }
}
