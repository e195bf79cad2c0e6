/** What `delete` answers, without the weight of a library for it: containerd.task.v2.DeleteResponse is three numbers. */
import { existsSync } from "node:fs";
import type { Exit } from "../../runtime/runtime.ts";
import { places } from "./bundle.ts";

export interface Deleted {
  readonly pid: number;
  readonly exit: Exit;
}

/** Whether nothing of a task is in its bundle any more. */
export function wasDeleted(bundle: string): boolean {
  return !existsSync(places.own(bundle));
}

/** Fields 1 and 2 are pid and exit status; 3 is the time: seconds and nanoseconds. */
export function encodeDeleted({ pid, exit: { code, at } }: Deleted): Uint8Array {
  const time = [...field(1, Math.floor(at / 1000)), ...field(2, (at % 1000) * 1_000_000)];
  return Uint8Array.from([...field(1, pid), ...field(2, code), 0x1a, time.length, ...time]);
}

/** A number: field and type 0, then seven bits a byte. */
function field(number: number, value: number): number[] {
  const bytes = [number << 3];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
