/**
 * Seccomp profiles (OCI runtime spec 1.3, config-linux.md) to classic BPF, for x86-64 with i386 and x32 and for arm64
 * with arm. README.md beside this file says what the program looks like and which of libseccomp's choices it keeps.
 */
import { machines, type Machine } from "./_abi.ts";
import { answer, Assembler, opcode } from "./_assembler.ts";
import { emitRuns } from "./_emit.ts";
import { badArchitecture, runsOf } from "./_runs.ts";
import { readProfile, type Policy } from "./_policy.ts";
import type { SeccompProfile } from "./profile.ts";

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
  const [native, compatible] = machines[arch];
  let target = answer(badArchitecture);
  if (compatible !== undefined && isListed(compatible, policy)) {
    const section = emitRuns(out, runsOf(compatible, policy, false), policy.defaultAction);
    target = out.branch(opcode.ifEqual, compatible.audit, section, target);
  }
  const section = emitRuns(out, runsOf(native, policy, true), policy.defaultAction);
  out.load(machineOffset, out.branch(opcode.ifEqual, native.audit, section, target));
  return { filter: out.bytes(), flags: policy.flags, usesNotify: policy.usesNotify };
}

function isListed(machine: Machine, policy: Policy): boolean {
  for (const abi of machine.abis) if (policy.architectures.has(abi.architecture)) return true;
  return false;
}
