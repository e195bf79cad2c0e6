import { tmpdir } from "node:os";
import { join } from "node:path";

/** Its way to intercept system calls is not allowed on every machine. */
export const runscWorks: readonly string[] = [
  "runsc",
  "--root",
  join(tmpdir(), `sampan-runsc-${process.pid}`),
  "--network=none",
  "--ignore-cgroups",
  "do",
  "true",
];
