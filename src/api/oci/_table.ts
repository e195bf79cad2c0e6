/** Columns as runc's: at least twelve wide, three spaces between, the last one as it is. */
const least = 12;
const gap = 3;

export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, text] of row.entries())
      widths[column] = Math.max(widths[column] ?? least, text.length + gap);
  return rows.map((row) => `${line(row, widths)}\n`).join("");
}

function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((text, column) => (column === row.length - 1 ? text : text.padEnd(widths[column] ?? least)))
    .join("");
}
