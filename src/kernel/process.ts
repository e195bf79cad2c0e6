/** Who a process is, so that a number in a database can be told from a later process with the same number. */
import { readLink } from "./libc.ts";
import { readText, readTextIfThere } from "./files.ts";

/** /proc/sys/kernel/random/boot_id: another one after each start of the machine. */
export function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id").trim();
}

/** Field 22 of /proc/PID/stat (proc(5)), clock ticks since boot; undefined when the process is gone or a zombie. */
export function processStart(pid: number): string | undefined {
  const text = readTextIfThere(`/proc/${pid}/stat`);
  // The name in field 2 may hold spaces and parentheses: fields count from behind its last one.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state] = fields ?? [];
  return state === "Z" || state === "X" ? undefined : fields?.[19];
}

/** `pid:[4026531836]`: process ids mean something within one namespace only. */
export function pidNamespace(): string {
  return readLink("/proc/self/ns/pid") ?? "";
}
