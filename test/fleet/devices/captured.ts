/** The messages that were captured between KubeEdge's own programs. */
import { readFileSync } from "node:fs";
import { parseEnvelope, type Envelope } from "../../../src/fleet/link/envelope.ts";

const file = new URL("../link/captured/messages.txt", import.meta.url);

/** The first captured one that matches. */
export function capturedMessage(match: (envelope: Envelope) => boolean): Envelope {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const found = lines.map((line) => parseEnvelope(line.slice(line.indexOf("{")))).find(match);
  if (!found) throw new Error("no such message was captured");
  return found;
}
