/** `--security-opt`, `--cap-add` and `--cap-drop`. */
import { readFile } from "node:fs/promises";
import { invalid, SampanError } from "../../../base/errors.ts";

export interface Security {
  readonly options: readonly string[];
  /** systempaths=unconfined: nothing is masked or read-only. */
  readonly bare: boolean;
}

/** A seccomp profile is read here, where its file is, and sent as it stands. */
export async function parseSecurity(entries: readonly string[]): Promise<Security> {
  const kept = entries.filter((entry) => entry !== "systempaths=unconfined");
  const options = await Promise.all(kept.map(parseOne));
  return { options, bare: kept.length < entries.length };
}

async function parseOne(entry: string): Promise<string> {
  const at = entry.search(/[=:]/);
  const key = at < 0 ? entry : entry.slice(0, at);
  const value = at < 0 ? "" : entry.slice(at + 1);
  if (at < 0 && key !== "no-new-privileges")
    throw invalid(`cannot use security option "${entry}": wanted KEY=VALUE`);
  if (key !== "seccomp" || value === "unconfined" || value === "builtin") return entry;
  try {
    return `seccomp=${JSON.stringify(JSON.parse(await readFile(value, "utf8")))}`;
  } catch (error) {
    throw new SampanError(
      "invalid_argument",
      `cannot read seccomp profile "${value}": ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

/** With CAP_ in front, each once and in order; ALL stands alone, and what is added is not dropped. */
export function capabilitiesOf(
  add: readonly string[],
  drop: readonly string[],
): { readonly add: readonly string[]; readonly drop: readonly string[] } {
  const added = known(add);
  const dropped = known(drop).filter((name) => name === "ALL" || !added.includes(name));
  return { add: added, drop: dropped };
}

function known(names: readonly string[]): readonly string[] {
  const all = names.map((name) => {
    const upper = name.trim().toUpperCase();
    return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  });
  return all.includes("ALL") ? ["ALL"] : [...new Set(all)].toSorted();
}
