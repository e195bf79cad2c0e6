import type { OciSeccomp, OciSyscall, OciSyscallArg } from "./config.ts";
import type { Fault, IntegerShape, NameShape, ShapeOf, TextShape } from "./_shape.ts";
import { isObject, text, uint64 } from "./_shape.ts";
import { seccompActions, seccompArchitectures, seccompFlags, seccompOperators } from "./values.ts";

const action: NameShape = { is: "name", of: seccompActions };
/** SECCOMP_RET_DATA has 16 bits. */
const returnData: IntegerShape = { is: "integer", from: 0, to: 65_535 };
const callName: TextShape = { is: "text", filled: true, wanted: "the name of a system call" };

const argument: ShapeOf<OciSyscallArg> = {
  is: "object",
  fields: {
    index: { is: "integer", from: 0, to: 5 },
    value: uint64,
    valueTwo: uint64,
    op: { is: "name", of: seccompOperators },
  },
  needs: ["index", "value", "op"],
};

const syscall: ShapeOf<OciSyscall> = {
  is: "object",
  fields: {
    names: { is: "list", of: callName, least: 1 },
    action,
    errnoRet: returnData,
    args: { is: "list", of: argument },
  },
  needs: ["names", "action"],
};

/** config-linux.md, "Seccomp". */
export const seccompShape: ShapeOf<OciSeccomp> = {
  is: "object",
  fields: {
    defaultAction: action,
    defaultErrnoRet: returnData,
    architectures: { is: "list", of: { is: "name", of: seccompArchitectures } },
    flags: { is: "list", of: { is: "name", of: seccompFlags } },
    listenerPath: text,
    listenerMetadata: text,
    syscalls: { is: "list", of: syscall },
  },
  needs: ["defaultAction"],
};

/** Without a default action and without rules there is no filter: so it is in runc, and engines rely on it. */
export function isNoFilter(seccomp: unknown): boolean {
  if (!isObject(seccomp)) return false;
  const { defaultAction, syscalls } = seccomp;
  const empty =
    syscalls === undefined || syscalls === null || (Array.isArray(syscalls) && syscalls.length === 0);
  return empty && (defaultAction === undefined || defaultAction === null || defaultAction === "");
}

const withReturnData: readonly string[] = ["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"];

/** Rules between the fields of the filter. Paths are relative to the filter. */
export function findSeccompFault(seccomp: OciSeccomp): Fault | undefined {
  const { defaultAction, defaultErrnoRet, listenerPath = "", listenerMetadata = "", syscalls = [] } = seccomp;
  if (defaultErrnoRet !== undefined && !withReturnData.includes(defaultAction)) {
    return {
      at: ".defaultErrnoRet",
      is: `${defaultErrnoRet} is set, but ${defaultAction} returns no number`,
    };
  }
  if (defaultAction === "SCMP_ACT_NOTIFY") {
    return { at: ".defaultAction", is: '"SCMP_ACT_NOTIFY" is set, but only single calls can be notified' };
  }
  if (listenerMetadata !== "" && listenerPath === "") {
    return { at: ".listenerMetadata", is: "is set, but listenerPath is not" };
  }
  return findSyscallFault(syscalls, listenerPath);
}

function findSyscallFault(syscalls: OciSyscall[], listenerPath: string): Fault | undefined {
  for (const [index, call] of syscalls.entries()) {
    const at = `.syscalls[${index}]`;
    if (call.errnoRet !== undefined && !withReturnData.includes(call.action)) {
      return { at: `${at}.errnoRet`, is: `${call.errnoRet} is set, but ${call.action} returns no number` };
    }
    if (call.action !== "SCMP_ACT_NOTIFY") continue;
    if (listenerPath === "") return { at: ".listenerPath", is: `is missing, wanted for ${at.slice(1)}` };
    // The descriptor is handed over by write(2) under the filter: it would wait for the one who has yet to get it.
    if (call.names.includes("write")) {
      return { at: `${at}.names`, is: '"write" cannot be notified: the listener is handed over by it' };
    }
  }
  return undefined;
}
