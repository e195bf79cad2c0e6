/** A difference as text: the seed and how to try it again, the fields, what both runtimes said, the bundle. */
import { describe } from "./compare.ts";
import type { Verdict } from "./try.ts";

function said(name: string, messages: string): string[] {
  return messages
    .split("\n")
    .filter(Boolean)
    .map((line) => `  ${name} said  ${line}`);
}

export function report({ tried, ours, runc, differences }: Verdict, bundle: "with bundle" | "short"): string {
  return [
    `seed ${tried.seed}: bun test/differential/hunt.ts --seed ${tried.seed} --count 1`,
    `  ${JSON.stringify(tried.way).slice(0, 300)}`,
    ...said("ours", ours.messages),
    ...said("runc", runc.messages),
    ...differences.map(describe),
    ...(bundle === "with bundle" ? [JSON.stringify(tried.config, undefined, 1)] : []),
    "",
  ].join("\n");
}
