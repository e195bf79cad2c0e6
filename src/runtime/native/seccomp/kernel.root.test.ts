/** Filters loaded into this kernel: what it does with a call is what the profile says. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../../../../test/needs.ts";
import type { SeccompData } from "./_interpreter.ts";
import { evaluate } from "./_oracle.ts";
import * as random from "./_random.ts";
import { compileSeccomp } from "./compile.ts";
import { knownOperators, type SeccompProfile } from "./profile.ts";

const source = join(import.meta.dir, "../../../../test/seccomp/probe.c");
/** x86-64, for its two ABIs in one process. */
const { describe } = needing({ programs: ["gcc"], files: ["/lib64/ld-linux-x86-64.so.2"] });
const audits = { x64: 0xc000003e, i386: 0x40000003 } as const;

/** Calls that do no harm whatever their arguments are, by their numbers. */
const harmless = {
  getpriority: { x64: 140, i386: 96 },
  getsid: { x64: 124, i386: 147 },
  getpgid: { x64: 121, i386: 132 },
  umask: { x64: 95, i386: 60 },
} as const;
const names = Object.keys(harmless) as (keyof typeof harmless)[];

const SIGSYS = 31;
/** No call above fails with an errno as high as these. */
const errnos = [200, 201, 202] as const;

let folder: string;

describe("the kernel", () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sampan-seccomp-"));
    const built = Bun.spawnSync(["gcc", "-O1", "-o", join(folder, "probe"), source]);
    if (!built.success) throw new Error(`cannot build ${source}: ${built.stderr.toString()}`);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("does with a call what the profile says, for both ABIs and 64-bit arguments", async () => {
    for (let seed = 0; seed < 12; seed++) {
      const next = random.seeded(seed);
      const profile = randomProfile(next);
      const calls = Array.from({ length: 40 }, () => randomCall(next));
      const outcomes = await probe(profile, calls);
      for (const [index, call] of calls.entries()) {
        const action = evaluate(profile, "x64", call);
        const matches = fits(action, outcomes[index]!);
        if (matches) continue;
        throw new Error(`${Bun.inspect(call)} ended with ${outcomes[index]}, not 0x${action.toString(16)}`);
      }
    }
  });

  test("kills a process that uses the x32 ABI when the profile does not list it", async () => {
    const call: SeccompData = { nr: 0x40000000 + 124, arch: audits.x64, args: Array(6).fill(0n) };
    const profile: SeccompProfile = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"] };
    expect(await probe(profile, [call])).toEqual([`signal ${SIGSYS}`]);
  });

  test("loads a filter of more than a thousand instructions, with far jumps", async () => {
    const syscalls = names.flatMap((name) =>
      Array.from({ length: 90 }, (_, value) => ({
        names: [name],
        action: "SCMP_ACT_ERRNO" as const,
        errnoRet: errnos[value % 3]!,
        args: [{ index: 5, value: 2 ** 40 + value, op: "SCMP_CMP_MASKED_EQ" as const, valueTwo: 2 ** 40 }],
      })),
    );
    const profile: SeccompProfile = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
    expect(compileSeccomp(profile, "x64").filter.length / 8).toBeGreaterThan(1000);
    const call = { nr: 140, arch: audits.x64, args: [0n, 0n, 0n, 0n, 0n, 2n ** 40n] };
    const [outcome] = await probe(profile, [call]);
    expect(fits(evaluate(profile, "x64", call), outcome!)).toBe(true);
    expect(outcome).toStartWith("errno 20");
  });
});

function randomProfile(next: random.Random): SeccompProfile {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86"],
    syscalls: Array.from({ length: 6 }, () => {
      const killed = next() < 0.2;
      const args = Array.from({ length: 1 + Math.floor(next() * 2) }, (_, index) => ({
        index,
        op: random.pick(next, knownOperators),
        value: random.value(next),
        valueTwo: random.value(next),
      }));
      const action = killed ? { action: "SCMP_ACT_KILL_PROCESS" as const } : refusal(next);
      return { names: [random.pick(next, names)], ...action, args };
    }),
  };
}

function refusal(next: random.Random) {
  return { action: "SCMP_ACT_ERRNO" as const, errnoRet: random.pick(next, errnos) };
}

function randomCall(next: random.Random): SeccompData {
  const abi = next() < 0.7 ? "x64" : "i386";
  const args = Array.from({ length: 6 }, () => {
    const value = random.value(next);
    return abi === "x64" ? value : value & 0xffffffffn;
  });
  return { nr: harmless[random.pick(next, names)][abi], arch: audits[abi], args };
}

async function probe(profile: SeccompProfile, calls: SeccompData[]): Promise<string[]> {
  const file = join(folder, "filter");
  await Bun.write(file, compileSeccomp(profile, "x64").filter);
  const lines = calls.map(({ arch, nr, args }) => {
    const abi = arch === audits.x64 ? "x64" : "i386";
    return [abi, nr, ...args].join(" ");
  });
  const child = Bun.spawnSync([join(folder, "probe"), file], { stdin: Buffer.from(`${lines.join("\n")}\n`) });
  if (!child.success) throw new Error(child.stderr.toString());
  return child.stdout.toString().trim().split("\n");
}

function fits(action: number, outcome: string): boolean {
  if (action === 0x80000000) return outcome === `signal ${SIGSYS}`;
  if (action !== 0x7fff0000) return outcome === `errno ${action & 0xffff}`;
  return /^errno (\d|[1-9]\d)$/.test(outcome);
}
