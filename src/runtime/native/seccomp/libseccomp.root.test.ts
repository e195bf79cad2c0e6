/** The same profiles through libseccomp (Debian: libseccomp-dev) and through ours, asked about the same calls. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../../../../test/needs.ts";
import fixture from "../../../../test/fixtures/seccomp-default.json";
import { machines, x32Bit, type Abi } from "./_abi.ts";
import { decode, run, type Instruction, type SeccompData } from "./_interpreter.ts";
import { readProfile } from "./_policy.ts";
import { lastKnown, tableOf } from "./_oracle.ts";
import * as random from "./_random.ts";
import { compileSeccomp } from "./compile.ts";
import type { SeccompProfile, SeccompSyscall } from "./profile.ts";

type Processor = "x64" | "arm64";

const source = join(import.meta.dir, "../../../../test/seccomp/export.c");
const { describe } = needing({ programs: ["gcc"], files: ["/usr/include/seccomp.h"] });
const ENOSYS = 0x00050026;

/** libseccomp 2.5.4 knows the system calls of Linux 5.17. */
const lastOfLibseccomp = 450;

/** enum scmp_compare and the names of architectures in seccomp.h. */
const operators = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 } as Record<string, number>;
const architectures = {
  SCMP_ARCH_X86_64: "x86_64",
  SCMP_ARCH_X86: "x86",
  SCMP_ARCH_X32: "x32",
  SCMP_ARCH_AARCH64: "aarch64",
  SCMP_ARCH_ARM: "arm",
} as Record<string, string>;

let folder: string;

// libseccomp takes its time over long profiles.
setDefaultTimeout(60_000);

describe("libseccomp", () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sampan-seccomp-"));
    const built = Bun.spawnSync(["gcc", "-O1", "-o", join(folder, "export"), source, "-lseccomp"]);
    if (!built.success) throw new Error(`cannot build ${source}: ${built.stderr.toString()}`);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  for (const processor of ["x64", "arm64"] as const) {
    test(`answers as ours does on ${processor}, for random profiles and calls`, () => {
      const profiles = Array.from({ length: 400 }, (_, seed) => {
        const shape = { mixed: seed % 2 === 0, apart: true, entries: 1 + (seed % 16) };
        return random.profile(random.seeded(seed), processor, shape);
      });
      let compared = 0;
      for (const [seed, theirs] of compileAll(profiles, processor).entries()) {
        if (theirs === undefined || forgetsNumber(theirs)) continue;
        const profile = profiles[seed]!;
        const next = random.seeded(seed);
        const named = new Set(profile.syscalls!.flatMap((entry) => entry.names));
        const calls = Array.from({ length: 100 }, () => random.call(next, processor, named));
        compared += compare(profile, processor, theirs, calls);
      }
      expect(compared).toBeGreaterThan(20_000);
    });

    test(`answers as ours does on ${processor}, for every number and Docker's default profile`, () => {
      const profile = dockerDefault(processor);
      const [theirs] = compileAll([profile], processor);
      const next = random.seeded(1);
      const calls: SeccompData[] = machines[processor].flatMap(({ audit: arch, abis }) =>
        abis.flatMap(({ base }) =>
          Array.from({ length: 3000 }, (_, index) => {
            const first = random.pick(next, [0n, 2n, 8n, 40n, 0x20008n, 0xffffffffn, 0x10000000n]);
            return { nr: base + Math.floor(index / 5), arch, args: [first, 0n, 0n, 0n, 0n, 0n] };
          }),
        ),
      );
      expect(compare(profile, processor, theirs!, calls)).toBeGreaterThan(4000);
    });
  }
});

/** Each processor's libseccomp only takes the architectures of its byte order; those of the other would only be noise. */
function dockerDefault(processor: Processor): SeccompProfile {
  const listed = machines[processor].flatMap(({ abis }) => abis.map((abi) => abi.architecture));
  return { ...(fixture as SeccompProfile), architectures: listed };
}

/** How many calls were compared; throws where the answers differ. */
function compare(
  profile: SeccompProfile,
  processor: Processor,
  theirs: Instruction[],
  calls: SeccompData[],
): number {
  const ours = decode(compileSeccomp(profile, processor).filter);
  let compared = 0;
  for (const call of calls) {
    const abi = abiOf(processor, call);
    if (!comparable(abi, call)) continue;
    compared++;
    const wanted = isUnknown(profile, processor, abi, call) ? ENOSYS : run(theirs, call).action;
    const got = run(ours, call).action;
    if (got === wanted) continue;
    const rules = profile.syscalls!.filter((entry) =>
      entry.names.some((name) => abi !== undefined && tableOf(abi).get(name) === call.nr),
    );
    throw new Error(
      `${Bun.inspect(call)} gave 0x${got.toString(16)}, libseccomp 0x${wanted.toString(16)}, ` +
        `for the default ${profile.defaultAction} and ${Bun.inspect(rules, { depth: 5 })}`,
    );
  }
  return compared;
}

/** What runc puts in front of libseccomp's filter: ENOSYS above the last call that the profile names. */
function isUnknown(
  profile: SeccompProfile,
  processor: Processor,
  abi: Abi | undefined,
  call: SeccompData,
): boolean {
  if (abi === undefined) return false;
  const native = abi === machines[processor][0].abis[0];
  if (!native && !profile.architectures!.includes(abi.architecture)) return false;
  return call.nr > lastKnown(profile, abi, tableOf(abi));
}

function abiOf(processor: Processor, call: SeccompData): Abi | undefined {
  const machine = machines[processor].find((candidate) => candidate.audit === call.arch);
  return machine?.abis.find((abi) => abi.base === (call.nr & x32Bit)) ?? machine?.abis[0];
}

/** All but calls that libseccomp 2.5.4 has no name for, and ipc(2), where ours on purpose overlooks the version. */
function comparable(abi: Abi | undefined, call: SeccompData): boolean {
  const number = call.nr & ~x32Bit;
  if (abi?.architecture === "SCMP_ARCH_X86" && number === 117 && call.args[0]! % 0x100000000n > 0xffffn) {
    return false;
  }
  if (abi?.architecture === "SCMP_ARCH_X86_64" && number === 335) return false;
  return number <= lastOfLibseccomp || number > 600;
}

/**
 * libseccomp 2.5.4 leaves out the load of the number where the first system call's conditions share code with another
 * ABI's, and then compares the architecture with the number. Such a program proves nothing.
 */
function forgetsNumber(program: Instruction[]): boolean {
  const audits = [...machines.x64, ...machines.arm64].map((machine) => machine.audit);
  return program.some(({ code, jt, k }, index) => {
    if (code !== 0x15 || !audits.includes(k)) return false;
    const next = program[index + 1 + jt]!;
    return next.code !== 0x06 && (next.code !== 0x20 || next.k !== 0);
  });
}

/** libseccomp's programs; undefined where it refused a rule. */
function compileAll(profiles: SeccompProfile[], processor: Processor): (Instruction[] | undefined)[] {
  const input = profiles.map((profile) => text(profile, processor)).join("");
  const { stdout, success, stderr } = Bun.spawnSync([join(folder, "export")], { stdin: Buffer.from(input) });
  if (!success) throw new Error(stderr.toString());
  const programs: (Instruction[] | undefined)[] = [];
  for (let offset = 0; offset < stdout.length;) {
    const length = stdout.readUInt32LE(offset);
    offset += 4;
    const refused = length === 0xffffffff;
    programs.push(refused ? undefined : decode(stdout.subarray(offset, offset + length)));
    offset += refused ? 0 : length;
  }
  return programs;
}

/** What runc would tell libseccomp, in the form that export.c reads. */
function text(profile: SeccompProfile, processor: Processor): string {
  const fallback = readProfile(profile).defaultAction;
  const native = processor === "arm64" ? ["native aarch64"] : [];
  const arches = (profile.architectures ?? []).map((name) => `arch ${architectures[name]}`);
  const rules = (profile.syscalls ?? []).flatMap((entry) => ruleTexts(entry, fallback));
  return [`profile ${fallback} 2`, ...native, ...arches, ...rules, "end", ""].join("\n");
}

function ruleTexts(entry: SeccompSyscall, fallback: number): string[] {
  const { action, errnoRet } = entry;
  const number = readProfile({
    defaultAction: action,
    ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
  }).defaultAction;
  if (number === fallback) return [];
  const args = (entry.args ?? []).map(({ index, op, value, valueTwo }) => ({
    index,
    text: `${index} ${operators[op.slice("SCMP_CMP_".length)]} ${value} ${valueTwo ?? 0}`,
  }));
  const twice = new Set(args.map((arg) => arg.index)).size < args.length;
  const groups = twice ? args.map((arg) => arg.text) : [args.map((arg) => arg.text).join(" ")];
  return entry.names.flatMap((name) => groups.map((group) => `rule ${number} ${name} ${group}`));
}
