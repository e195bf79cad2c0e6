/** The columns of `ps -ef`, read from /proc, for hosts that have no ps. */
import { readTextIfThere } from "../../kernel/files.ts";
import { readLink } from "../../kernel/libc.ts";
import type { ProcessTable } from "./top.ts";

const titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"] as const;
/** proc(5): ticks of a second. */
const HZ = 100;

export function processTable(pids: readonly number[], now = Date.now()): ProcessTable {
  const uptime = Number(readTextIfThere("/proc/uptime")?.split(" ")[0] ?? 0);
  const boot = now / 1000 - uptime;
  return {
    titles,
    processes: pids.flatMap((pid) => rowOf(pid, { boot, now: now / 1000 }) ?? []).map((row) => [...row]),
  };
}

function rowOf(pid: number, { boot, now }: { boot: number; now: number }): (readonly string[])[] | undefined {
  const stat = readTextIfThere(`/proc/${pid}/stat`);
  const status = readTextIfThere(`/proc/${pid}/status`);
  // The name in field 2 may hold spaces and parentheses: fields count from behind its last one, which is field 3.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (!stat || !status || !fields) return undefined;
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1] ?? "";
  const used = (Number(fields[11]) + Number(fields[12])) / HZ;
  const started = boot + Number(fields[19]) / HZ;
  const share = now > started ? Math.floor((used / (now - started)) * 100) : 0;
  const command = readTextIfThere(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim();
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  return [
    [
      uid,
      `${pid}`,
      fields[1] ?? "",
      `${share}`,
      startTime(started, now),
      terminal(pid),
      duration(used),
      command || `[${name}]`,
    ],
  ];
}

const digits = (number: number) => `${Math.floor(number)}`.padStart(2, "0");

/** The time of day, or the day for what is older than one. */
function startTime(started: number, now: number): string {
  const date = new Date(started * 1000);
  if (now - started < 86_400) return `${digits(date.getHours())}:${digits(date.getMinutes())}`;
  const month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")[date.getMonth()];
  return `${month}${digits(date.getDate())}`;
}

function duration(seconds: number): string {
  return [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(digits).join(":");
}

/** Of its standard input, where that is a terminal. */
function terminal(pid: number): string {
  const target = readLink(`/proc/${pid}/fd/0`);
  return target && /^\/dev\/(?:pts\/\d+|tty\w*)$/.test(target) ? target.slice("/dev/".length) : "?";
}
