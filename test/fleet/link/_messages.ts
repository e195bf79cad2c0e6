/** The captured messages: see captured/README.md. */
import { readFileSync } from "node:fs";
import { parseEnvelope, type Envelope } from "../../../src/fleet/link/envelope.ts";

export interface Captured {
  readonly way: "up" | "down";
  /** As it was on the wire. */
  readonly text: string;
  readonly envelope: Envelope;
  /** Says in a test's name which one it is. */
  readonly title: string;
}

export const captured: readonly Captured[] = readFileSync(
  new URL("./captured/messages.txt", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => {
    const way = line.startsWith("up ") ? ("up" as const) : ("down" as const);
    const text = `${line.slice(way.length + 1)}\n`;
    const envelope = parseEnvelope(text);
    const { source, group, operation, resource } = envelope.route;
    return { way, text, envelope, title: `${way} ${source} ${group} ${operation} ${resource}` };
  });
