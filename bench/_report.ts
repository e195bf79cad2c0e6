/** The rows as tables, and the tables into their section of a Markdown file. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { markdownTable, type Row } from "./_statistics.ts";

/** Rows that were compared with the same others share a table. */
export function report(about: readonly string[], rows: readonly Row[]): string {
  const tables = Map.groupBy(rows, ({ spreads }) => Object.keys(spreads).toSorted().join());
  const texts = [...tables.values()].map((group) => {
    const names = Object.keys(group[0]?.spreads ?? {});
    return markdownTable(group, ["sampan", ...names.filter((name) => name !== "sampan")]);
  });
  const legend =
    "Medians; in brackets the least and the 95th percentile. Columns ÷ are our median divided by the other's. The runtimes took turns.";
  return [about.join("\n"), legend, ...texts.map((text) => text.trimEnd())].join("\n\n");
}

/** Replaces the section below `## title` up to the next one, or adds it. */
export function withSection(document: string, title: string, body: string): string {
  const [head = "", ...sections] = document.split(/^(?=## )/m);
  const others = sections.filter((section) => !section.startsWith(`## ${title}\n`));
  const place = sections.findIndex((section) => section.startsWith(`## ${title}\n`));
  others.splice(place < 0 ? others.length : place, 0, `## ${title}\n\n${body}\n\n`);
  return `${[head, ...others].map((part) => part.trimEnd()).join("\n\n")}\n`;
}

export function writeSection(path: string, title: string, body: string): void {
  const document = existsSync(path) ? readFileSync(path, "utf8") : "# Results\n\nWritten by `make bench`.\n";
  writeFileSync(path, withSection(document, title, body));
}
