import { readFileSync } from "node:fs";

/** Every place of this mount namespace where something is mounted. */
export function mountPoints(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => unescaped(line.split(" ")[4] ?? ""));
}

/** proc(5): space, tab, newline and backslash stand as octal numbers. */
export function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
