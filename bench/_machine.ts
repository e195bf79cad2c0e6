/** What the numbers were measured on. */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg, release, totalmem } from "node:os";
import type { Missing, Runtime } from "./_runtimes.ts";

/** Lines of Markdown. */
export function machine({
  runtimes,
  missing,
}: {
  runtimes: readonly Runtime[];
  missing: readonly Missing[];
}): string[] {
  const information = readFileSync("/proc/cpuinfo", "utf8");
  const model = /^model name\s*: (.*)$/m.exec(information)?.[1] ?? process.arch;
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `- ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, load ${loadavg()[0]?.toFixed(1)} when it began`,
    `- ${availableParallelism()} × ${model}, ${memory} GiB, Linux ${release()}`,
    `- ${runtimes.map(({ name, version }) => (version.startsWith(name) ? version : `${name}: ${version}`)).join("; ")}`,
    ...missing.map(({ name, why }) => `- ${name} ${why}`),
  ];
}
