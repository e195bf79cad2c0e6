/** How each benchmark ends: its numbers as JSON, to standard output, or in their section of bench/results.md. */
import { join } from "node:path";
import { output } from "./_command.ts";
import { report, writeSection } from "./_report.ts";
import type { Row } from "./_statistics.ts";

const results = join(import.meta.dir, "results.md");

export interface Publication {
  /** Of the section. */
  readonly title: string;
  /** Lines of Markdown: the machine, the versions, what was compared how. */
  readonly about: readonly string[];
  readonly rows: readonly Row[];
  readonly as: "json" | "text" | "section";
}

export function publish({ title, about, rows, as }: Publication): void {
  if (as === "json") return console.log(JSON.stringify({ about, rows }, undefined, 2));
  const text = report(about, rows);
  if (as === "text") return console.log(text);
  writeSection(results, title, text);
  // As the gate wants every file.
  Bun.spawnSync([process.execPath, "fmt", results], { stdout: "ignore" });
}

/** What flags ask for: what is not the whole is not for the file. */
export function formOf(flags: {
  readonly json?: boolean | undefined;
  readonly quick?: boolean | undefined;
  readonly only?: string | undefined;
}): Publication["as"] {
  if (flags.json) return "json";
  return flags.quick || flags.only ? "text" : "section";
}

/** The first line that a program says of its version. */
export async function versionOf(...command: readonly string[]): Promise<string> {
  return (await output(command)).split("\n")[0]?.replace(": ", " ") ?? "";
}
