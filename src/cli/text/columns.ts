/** Columns as docker aligns them: at least ten wide, three spaces between, the last one as it is. */
const least = 10;
const gap = 3;

/** Rows whose cells are parted by tabs, as a template wrote them. */
export function align(lines: readonly string[]): string {
  const rows = lines.map((line) => line.split("\t"));
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, text] of row.slice(0, -1).entries())
      widths[column] = Math.max(widths[column] ?? least, width(text) + gap);
  return rows
    .map((row) => {
      const cells = row.map((text, column) =>
        column === row.length - 1 ? text : text + " ".repeat((widths[column] ?? least) - width(text)),
      );
      return `${cells.join("")}\n`;
    })
    .join("");
}

function width(text: string): number {
  return Bun.stringWidth(text);
}
