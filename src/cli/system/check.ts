/** `sampan system check`: is the store whole? */
import type { Problem } from "../../spec/docker/images.ts";
import { define } from "../command.ts";
import { jsonFlag, writeJson } from "../format.ts";
import { showProgress } from "../progress/progress.ts";
import { align } from "../text/columns.ts";
import { printable } from "../text/identifier.ts";

function report(problems: readonly Problem[]): string {
  if (problems.length === 0) return "The store is whole.\n";
  const rows = problems.map(({ severity, repaired, what }) =>
    [severity, severity === "note" ? "" : repaired ? "repaired" : "there", printable(what)].join("\t"),
  );
  const count = (severity: Problem["severity"]) =>
    problems.filter((problem) => problem.severity === severity && !problem.repaired).length;
  const left = `${count("damage")} damaged, ${count("garbage")} garbage`;
  return `${align(["SEVERITY\tSTATE\tWHAT", ...rows])}\nLeft: ${left}\n`;
}

export const command = define({
  summary: "Verify what is stored, and repair it",
  usage: "[OPTIONS]",
  flags: {
    repair: { kind: "yes", help: "Fetch damaged content again where it came from, and remove garbage" },
    deep: { kind: "yes", help: "Read all content and compare its digests" },
    json: jsonFlag,
    quiet: { kind: "yes", short: "q", help: "No progress" },
  },
  words: { least: 0, most: 0 },
  more: "Exits with 1 when damage remains.",
  examples: [
    ["system check", "Quickly"],
    ["system check --deep --repair", "All bytes, and make it whole"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const problems = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet || !io.err.size(), to: io.err });
      const engine = await daemon();
      return await engine.check({
        repair: flags.repair,
        deep: flags.deep,
        signal: io.signal,
        onStep: progress.onStep,
      });
    })();
    if (flags.json) await writeJson(io.out, problems);
    else await io.out.write(report(problems));
    return problems.some(({ severity, repaired }) => severity === "damage" && !repaired) ? 1 : 0;
  },
});
