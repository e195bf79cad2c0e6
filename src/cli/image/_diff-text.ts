/** The text of `sampan image diff`. */
import type { Change, ImageDiff } from "../../spec/docker/images.ts";
import { printableCell, shortId } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";

const signs = { added: "+", removed: "-", changed: "~" } as const;

export function diffText(diff: ImageDiff): string {
  return [layers(diff), configuration(diff), files(diff), summary(diff)]
    .filter((section) => section !== "")
    .join("\n");
}

function layers({ layers: { shared, onlyA, onlyB } }: ImageDiff): string {
  if (onlyA.length + onlyB.length === 0) return "";
  return [
    `Layers: ${shared} shared`,
    ...onlyA.map((digest) => `  - ${shortId(digest)}`),
    ...onlyB.map((digest) => `  + ${shortId(digest)}`),
    "",
  ].join("\n");
}

function configuration({ config }: ImageDiff): string {
  if (config.length === 0) return "";
  const value = (given: unknown) => printableCell(JSON.stringify(given));
  const lines = config.flatMap(({ path, before, after }) => {
    if (before === undefined) return [`  + ${printableCell(path)}: ${value(after)}`];
    if (after === undefined) return [`  - ${printableCell(path)}: ${value(before)}`];
    return [`  ~ ${printableCell(path)}: ${value(before)} → ${value(after)}`];
  });
  return ["Configuration:", ...lines, ""].join("\n");
}

function files({ files: changes }: ImageDiff): string {
  if (changes.length === 0) return "";
  const rows = changes.map((change) => ({ size: sizes(change), line: printableCell(fileLine(change)) }));
  const width = Math.max(...rows.map(({ size }) => size.length));
  return ["Files:", ...rows.map(({ size, line }) => `  ${size.padStart(width)}  ${line}`), ""].join("\n");
}

function fileLine({ kind, path, what }: Change): string {
  return `${signs[kind]} ${path}${what.length > 0 ? ` (${what.join(", ")})` : ""}`;
}

function sizes({ kind, before = 0, after = 0 }: Change): string {
  if (kind === "changed" && before !== after) return signed(after - before);
  return kind === "changed" ? "" : signed(kind === "added" ? after : -before);
}

function signed(bytes: number): string {
  return bytes < 0 ? formatSize(bytes) : `+${formatSize(bytes)}`;
}

function summary({
  a,
  b,
  layers: { onlyA, onlyB },
  config,
  files: changes,
  sizeBefore,
  sizeAfter,
}: ImageDiff): string {
  if (onlyA.length + onlyB.length + config.length + changes.length === 0)
    return `${printableCell(a)} and ${printableCell(b)} are the same\n`;
  const count = (kind: Change["kind"]) => changes.filter((change) => change.kind === kind).length;
  return `${count("added")} file${count("added") === 1 ? "" : "s"} added, ${count("removed")} removed, ${count("changed")} changed; ${formatSize(sizeBefore)} → ${formatSize(sizeAfter)} (${signed(sizeAfter - sizeBefore)})\n`;
}
