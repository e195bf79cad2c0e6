/** `--filter key=value`, several of them, as Docker's API takes them. */
import { invalid } from "../base/errors.ts";
import { nearest } from "./flags/nearest.ts";

export const filterFlag = {
  kind: "list",
  short: "f",
  value: "KEY=VALUE",
  help: "Only what fits",
} as const;

/** Errors: `invalid_argument` for a key that the command has not. */
export function parseFilters(given: readonly string[], known: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const text of given) {
    const [, key = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(text) ?? [];
    const name = key.trim().toLowerCase();
    if (!text.includes("=")) throw invalid(`cannot use filter "${text}": wanted key=value`);
    if (!known.includes(name)) {
      const meant = nearest(name, known);
      throw invalid(
        `cannot use filter "${text}": ${meant ? `did you mean ${meant}` : `there are ${known.join(", ")}`}`,
      );
    }
    (filters[name] ??= []).push(value.trim());
  }
  return filters;
}

/** Of prune commands, where -f is --force. */
export const pruneFilterFlag = { kind: "list", value: "KEY=VALUE", help: "Only what fits" } as const;
