/** `--format`, `--quiet` and `--json` of commands that list things. */
import type { Output } from "./io.ts";
import { align } from "./text/columns.ts";
import { compileTemplate } from "./template/template.ts";

/** A thing as a table and a template see it: texts by field name, in docker's names. */
export type Row = Readonly<Record<string, unknown>>;

export interface Listing {
  /** `table`, `table TEMPLATE`, `json` or `TEMPLATE`; as the person wrote it. */
  readonly format: string | undefined;
  /** The template of `table`. */
  readonly columns: string;
  /** Column names by field. */
  readonly heads: Readonly<Record<string, string>>;
}

export const formatFlag = {
  kind: "text",
  value: "FORMAT",
  help: "'table', 'table TEMPLATE', 'json' or a Go template",
} as const;

export const jsonFlag = { kind: "yes", help: "Print the engine's own answer as JSON" } as const;

/** Tabs and line ends may be written as \t and \n. */
function readable(format: string): string {
  return format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function sortedJson(row: Row): string {
  return JSON.stringify(row, Object.keys(row).toSorted());
}

export async function writeRows(
  out: Output,
  rows: readonly Row[],
  { format = "table", columns, heads }: Listing,
): Promise<void> {
  const [word] = /^table\b/.exec(format) ?? [];
  if (!word) {
    const template = format === "json" ? sortedJson : compileTemplate(readable(format));
    await out.write(rows.map((row) => `${template(row)}\n`).join(""));
    return;
  }
  const own = format.slice(word.length).trim();
  const template = compileTemplate(readable(own === "" ? columns : own));
  await out.write(align([template(heads, { head: true }), ...rows.map((row) => template(row))]));
}

export async function writeJson(out: Output, value: unknown): Promise<void> {
  await out.write(`${JSON.stringify(value, null, 4)}\n`);
}
