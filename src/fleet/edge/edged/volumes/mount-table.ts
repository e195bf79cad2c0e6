/** What is mounted below a folder, by the kernel's own table, and taking it away. */
import { readFileSync } from "node:fs";
import { SampanError } from "../../../../base/errors.ts";
import { unmount } from "../../../../kernel/mounts.ts";

/** proc_pid_mountinfo(5): the places of mounts in their order, one for each that is stacked there. */
export function mountPoints(table: string): string[] {
  return table.split("\n").flatMap((line) => {
    const escaped = line.split(" ")[4];
    return escaped === undefined
      ? []
      : [
          escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
            String.fromCharCode(Number.parseInt(octal, 8)),
          ),
        ];
  });
}

/** The deepest first. The folder itself counts. */
export function mountsBelow(
  folder: string,
  table = readFileSync("/proc/self/mountinfo", "latin1"),
): string[] {
  const bytes = Buffer.from(folder, "utf8").toString("latin1");
  return mountPoints(table)
    .filter((point) => point === bytes || point.startsWith(`${bytes}/`))
    .map((point) => Buffer.from(point, "latin1").toString("utf8"))
    .toReversed();
}

export function isMountPoint(path: string): boolean {
  return mountsBelow(path).includes(path);
}

/** Mounts may have come while we looked, by propagation: a few rounds. Errors: `failed_precondition` when something stays. */
export function unmountBelow(folder: string): void {
  for (let round = 0; round < 10; round++) {
    const points = mountsBelow(folder);
    if (points.length === 0) return;
    for (const point of points) unmount(point);
  }
  throw new SampanError(
    "failed_precondition",
    `cannot unmount "${folder}": something is mounted in it again and again`,
  );
}
