/** What one frame of the bars writes; pure. */
import type { Step } from "../../spec/docker/progress.ts";
import { printable } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const escape = "\u001b[";
/** Terminals that know it show the whole frame at once; the others ignore it. */
const begin = `${escape}?2026h`;
const end = `${escape}?2026l`;
const clearLine = `${escape}K`;
const clearBelow = `${escape}J`;

/** `9824c27679d3: Downloading [=====>     ]  1.2MB/3.4MB`, never wider than the terminal. */
export function stepLine({ id = "", status, current, total }: Step, columns: number): string {
  const left = printable(`${id}: ${status}`);
  if (current === undefined) return cut(left, columns);
  if (total === undefined || total <= 0) return cut(`${left}  ${formatSize(current)}`, columns);
  const sizes = `${formatSize(Math.min(current, total))}/${formatSize(total)}`.padStart(15);
  const room = Math.min(columns - left.length - sizes.length - 5, 50);
  if (room < 5) return cut(`${left} ${Math.floor((100 * Math.min(current, total)) / total)}%`, columns);
  return `${left} [${bar(Math.min(1, current / total), room)}] ${sizes}`;
}

function bar(part: number, room: number): string {
  const full = Math.round(part * room);
  return full >= room ? "=".repeat(room) : `${"=".repeat(Math.max(0, full - 1))}>`.padEnd(room);
}

// One column stays free: a full line makes some terminals wrap.
function cut(text: string, columns: number): string {
  return text.length < columns ? text : text.slice(0, Math.max(1, columns - 1));
}

export interface Frame {
  /** Lines that stay, above the bars. */
  readonly notes: readonly string[];
  readonly lines: readonly string[];
  /** Lines of the frame before. */
  readonly drawn: number;
  readonly size: Size;
}

/** Goes back over the last frame and writes this one. Of more lines than fit, the last ones: the cursor cannot go above the screen. */
export function drawFrame({ notes, lines, drawn, size }: Frame): { text: string; height: number } {
  const fit = Math.max(1, size.rows - 1);
  const shown = lines.slice(-fit);
  const back = drawn > 0 ? `${escape}${Math.min(drawn, fit)}A\r` : "";
  const rows = [...notes, ...shown].map((line) => `${line}${clearLine}\n`).join("");
  return { text: `${begin}${back}${rows}${clearBelow}${end}`, height: shown.length };
}
