/** An error as the person sees it, in one line. */
import { printable } from "./text/identifier.ts";

/** What a daemon says begins with Docker's own words, which scripts look for. */
export function errorLine(message: string): string {
  const line = printable(message.trim()).replaceAll(/\s*\n\s*/g, " ");
  return line.startsWith("Error response from daemon: ") ? line : `Error: ${line}`;
}
