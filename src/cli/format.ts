/** `--format`, `--quiet` and `--json` of commands that list things. */
import type { Output } from "./io.ts";
import { align } from "./text/columns.ts";
import { compileTemplate } from "./template/template.ts";
import { printableCell, printableJson, printableValue } from "./text/identifier.ts";

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
  return printableJson(JSON.stringify(row, Object.keys(row).toSorted()));
}

/** What a template sees: on a terminal nothing that steers it, in a pipe every byte as it is. */
export function shownOn(out: Output, value: unknown): unknown {
  return out.size() ? printableValue(value) : value;
}

/** Each is made when the template asks for it. */
function cells(row: Row): Row {
  const shown = {};
  for (const name of Object.keys(row))
    Object.defineProperty(shown, name, { enumerable: true, get: () => cell(row[name]) });
  return shown;
}

function cell(value: unknown): unknown {
  return typeof value === "string" ? printableCell(value) : printableValue(value);
}

export async function writeRows(
  out: Output,
  rows: readonly Row[],
  { format = "table", columns, heads }: Listing,
): Promise<void> {
  const [word] = /^table\b/.exec(format) ?? [];
  if (!word) {
    const template = compileTemplate(readable(format));
    const line = (row: Row) => (format === "json" ? sortedJson(row) : template(shownOn(out, row)));
    await out.write(rows.map((row) => `${line(row)}\n`).join(""));
    return;
  }
  const own = format.slice(word.length).trim();
  const template = compileTemplate(readable(own === "" ? columns : own));
  await out.write(align([template(heads, { head: true }), ...rows.map((row) => template(cells(row)))]));
}

export async function writeJson(out: Output, value: unknown): Promise<void> {
  await out.write(`${printableJson(JSON.stringify(value, null, 4))}\n`);
}
