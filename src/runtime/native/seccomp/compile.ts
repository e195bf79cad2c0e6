/**
 * Seccomp profiles (OCI runtime spec 1.3, config-linux.md) to classic BPF, for x86-64 with i386 and x32 and for arm64
 * with arm. README.md beside this file says what the program looks like and which of libseccomp's choices it keeps.
 */
import { machines } from "./_abi.ts";
import { answer, Assembler, opcode } from "./_assembler.ts";
import { emitRuns } from "./_emit.ts";
import { badArchitecture, runsOf } from "./_runs.ts";
import { readProfile, type SeccompProfile } from "./profile.ts";

export interface CompiledSeccomp {
  /** struct sock_filter[], little-endian: at most 4096 instructions of 8 bytes */
  filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_*, with NEW_LISTENER where a rule notifies */
  flags: number;
  usesNotify: boolean;
}

const machineOffset = 4;

/**
 * Compiles a profile for a kernel of processor `arch`. Throws invalid_argument naming the field of the profile, and
 * resource_exhausted where the program would be longer than the kernel takes.
 */
export function compileSeccomp(profile: SeccompProfile, arch: "x64" | "arm64"): CompiledSeccomp {
  const policy = readProfile(profile);
  const out = new Assembler();
  let target = answer(badArchitecture);
  for (const machine of machines[arch].toReversed()) {
    const native = machine === machines[arch][0];
    if (!native && !machine.abis.some((abi) => policy.architectures.has(abi.architecture))) continue;
    const section = emitRuns(out, runsOf(machine, policy, native), policy.defaultAction);
    target = out.branch(opcode.ifEqual, machine.audit, section, target);
  }
  out.load(machineOffset, target);
  return { filter: out.bytes(), flags: policy.flags, usesNotify: policy.usesNotify };
}
