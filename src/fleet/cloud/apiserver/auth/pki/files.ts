/** The authority's files: written whole or not at all, and readable by their owner alone where they are secret. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SampanError } from "../../../../../base/errors.ts";

/** No certificate or key comes near it. */
const limit = 1 << 20;

export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw SampanError.wrap(`cannot make folder "${path}"`, error);
  }
}

/** Undefined: it is not there. */
export function readText(path: string): string | undefined {
  try {
    const text = readFileSync(path);
    if (text.length > limit) throw new SampanError("data_loss", "it is larger than 1 MiB");
    return text.toString("utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw SampanError.wrap(`cannot read "${path}"`, error);
  }
}

/** After it returns the file is on the disk. */
export function writeWhole(path: string, text: string, mode: 0o600 | 0o644): void {
  const next = `${path}.new`;
  try {
    const file = openSync(next, "w", mode);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
    const folder = openSync(dirname(path), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    throw SampanError.wrap(`cannot write "${path}"`, error);
  }
}
