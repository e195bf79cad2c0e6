/** Sizes of terminals: JSON objects `{"Width":80,"Height":24}`, one after the other; on SPDY pieces may be cut anywhere. */
import type { TerminalSize } from "./command.ts";

const most = 1024;

export async function* readSizes(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<TerminalSize, void, undefined> {
  let text = "";
  for await (const data of input) {
    text += Buffer.from(data).toString("latin1");
    for (let end = text.indexOf("}"); end >= 0; end = text.indexOf("}")) {
      const size = parseSize(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (size) yield size;
    }
    // Nothing of ours has so many bytes without an end.
    if (text.length > most) return;
  }
}

export function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as Record<string, unknown>;
    return isCount(Width) && isCount(Height) ? { width: Width, height: Height } : undefined;
  } catch {
    return undefined;
  }
}

export function formatSize({ width, height }: TerminalSize): Buffer {
  return Buffer.from(JSON.stringify({ Width: width, Height: height }));
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}
