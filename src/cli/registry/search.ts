/** `sampan search`. */
import { invalid } from "../../base/errors.ts";
import type { SearchResult } from "../../spec/docker/images.ts";
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { formatFlag, jsonFlag, writeJson, writeRows } from "../format.ts";
import { ellipsis, printable } from "../text/identifier.ts";

const heads = {
  Name: "NAME",
  Description: "DESCRIPTION",
  StarCount: "STARS",
  IsOfficial: "OFFICIAL",
} as const;

function fits(result: SearchResult, filters: Readonly<Record<string, readonly string[]>>): boolean {
  const official = filters["is-official"]?.at(-1);
  const stars = filters["stars"]?.at(-1);
  if (official !== undefined && result.is_official !== (official === "true")) return false;
  return stars === undefined || result.star_count >= Number(stars);
}

export const command = define({
  summary: "Search a registry for images",
  usage: "[OPTIONS] TERM",
  flags: {
    filter: filterFlag,
    format: formatFlag,
    json: jsonFlag,
    limit: { kind: "number", help: "How many at most (25)" },
    "no-trunc": { kind: "yes", help: "Do not cut descriptions" },
  },
  words: { least: 1, most: 1 },
  more: "Filters: is-official=true, stars=N. A registry without a search is asked for its catalog.",
  examples: [
    ["search --limit 5 busybox", "On Docker Hub"],
    ["search localhost:5000/app", "On another registry"],
  ],
  run: async ({ flags, words: [term = ""], daemon, out }) => {
    const filters = parseFilters(flags.filter, ["is-official", "stars"]);
    const limit = flags.limit ?? 25;
    if (!Number.isInteger(limit) || limit < 1 || limit > 100)
      throw invalid(`cannot search with --limit ${limit}: wanted 1 to 100`);
    const found = (await (await daemon()).search(term, limit)).filter((each) => fits(each, filters));
    if (flags.json) {
      await writeJson(out, found);
      return 0;
    }
    const rows = found.map((result) => {
      const description = printable(result.description).replaceAll(/\s+/g, " ");
      return {
        Name: printable(result.name),
        Description: flags["no-trunc"] ? description : ellipsis(description, 45),
        StarCount: String(result.star_count),
        IsOfficial: result.is_official ? "[OK]" : "",
      };
    });
    await writeRows(out, rows, {
      format: flags.format,
      columns: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
      heads,
    });
    return 0;
  },
});
