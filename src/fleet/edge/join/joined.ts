/** What joining found out, as a file in the edge's data: `joined.json`. It is the program's own; what the user writes is in the settings file, and goes before. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { fileError } from "../../../engine/store/errors.ts";

export interface Joined {
  readonly node: string;
  /** `<host>:<port>` of 10000. */
  readonly clouds: readonly string[];
  /** Of 10002 on the same hosts. */
  readonly certificatePort: number;
}

const name = "joined.json";

/** Undefined where nobody joined. Errors: `data_loss`. */
export function readJoined(root: string): Joined | undefined {
  const path = join(root, name);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw fileError(`read "${path}"`, error);
  }
  try {
    const { node, clouds, certificatePort } = JSON.parse(text) as Partial<Joined>;
    const isGood =
      typeof node === "string" &&
      Array.isArray(clouds) &&
      clouds.every((each) => typeof each === "string") &&
      typeof certificatePort === "number";
    if (isGood) return { node, clouds, certificatePort };
  } catch {
    // Told below.
  }
  throw new SampanError("data_loss", `cannot use "${path}": it is damaged; join again`);
}

export function writeJoined(root: string, joined: Joined): void {
  const path = join(root, name);
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, `${JSON.stringify(joined, undefined, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw fileError(`write "${path}"`, error);
  }
}
