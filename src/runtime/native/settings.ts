/**
 * The host's settings for the runtime: the table [runtime] of /etc/sampan/config.toml, or of the file that SAMPAN_CONFIG names. Read only for a
 * container that one of them concerns. No file means the defaults.
 */
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";

export interface RuntimeSettings {
  /**
   * Where the caller may not lower oom_score_adj as far as process.oomScoreAdj asks (no CAP_SYS_RESOURCE), start the container with the caller's
   * own score. Off by default: then it is an error, as with runc.
   */
  readonly clampOomScoreAdj: boolean;
}

/** Errors: `invalid_argument` naming the file and what is wrong in it. */
export function readSettings(
  path = process.env["SAMPAN_CONFIG"] ?? "/etc/sampan/config.toml",
): RuntimeSettings {
  const text = readTextIfThere(path);
  return { clampOomScoreAdj: text === undefined ? false : clampIn(parse(path, text), path) };
}

function parse(path: string, text: string): Record<string, unknown> {
  try {
    return Bun.TOML.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new SampanError(
      "invalid_argument",
      `cannot read settings "${path}": ${SampanError.from(error).message}`,
      { cause: error },
    );
  }
}

function clampIn(document: Record<string, unknown>, path: string): boolean {
  const { runtime } = document;
  if (runtime === undefined) return false;
  const value = (runtime as Record<string, unknown>)["clamp_oom_score_adj"];
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw new SampanError(
    "invalid_argument",
    `cannot use settings "${path}": runtime.clamp_oom_score_adj is ${JSON.stringify(value)}, wanted true or false`,
  );
}
