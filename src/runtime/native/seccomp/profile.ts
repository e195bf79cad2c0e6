/** `linux.seccomp` of config.json (OCI runtime spec 1.3, config-linux.md, "Seccomp") and the kernel's numbers for it. */
import type { OciSeccomp, OciSyscall, OciSyscallArg } from "../../../spec/oci/config.ts";
import {
  seccompActions as knownActions,
  seccompArchitectures as knownArchitectures,
  seccompFlags as knownFlags,
  seccompOperators as knownOperators,
  type SeccompAction,
  type SeccompArchitecture,
  type SeccompFlag,
  type SeccompOperator,
} from "../../../spec/oci/values.ts";

/** What this compiler knows is what the specification has; `features` prints them. */
export { knownActions, knownArchitectures, knownFlags, knownOperators };
export type { SeccompAction, SeccompArchitecture, SeccompFlag, SeccompOperator };

/** `value` and `valueTwo` of a condition are uint64; above 2^53 - 1 only a bigint is exact, and taken. */
export type SeccompProfile = OciSeccomp;
export type SeccompSyscall = OciSyscall;
export type SeccompArg = OciSyscallArg;

/** SECCOMP_RET_* of linux/seccomp.h. The low half of ERRNO and TRACE carries errnoRet. */
export const actionReturns = {
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_TRAP: 0x00030000,
} as const;

/** SECCOMP_FILTER_FLAG_* of linux/seccomp.h. */
export const filterFlags = {
  SECCOMP_FILTER_FLAG_TSYNC: 1 << 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 1 << 3,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
} as const;
