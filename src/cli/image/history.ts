/** `sampan history`. */
import type { HistoryItem } from "../../spec/docker/images.ts";
import { define } from "../command.ts";
import { formatFlag, jsonFlag, type Row, writeJson, writeRows } from "../format.ts";
import { formatAge, formatRfc3339 } from "../text/age.ts";
import { ellipsis, shortId } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";

const heads = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
} as const;

interface Look {
  readonly human: boolean;
  readonly full: boolean;
  readonly now: Date;
}

function row(item: HistoryItem, { human, full, now }: Look): Row {
  const by = item.CreatedBy.replaceAll("\t", " ").replaceAll("\n", " ");
  return {
    ID: full || item.Id === "<missing>" ? item.Id : shortId(item.Id),
    CreatedSince: human ? formatAge(item.Created, now) : formatRfc3339(item.Created),
    CreatedAt: formatRfc3339(item.Created),
    CreatedBy: full ? by : ellipsis(by, 45),
    Size: human ? formatSize(item.Size) : String(item.Size),
    Comment: item.Comment,
  };
}

export const command = define({
  summary: "Show the history of an image",
  usage: "[OPTIONS] IMAGE",
  flags: {
    format: formatFlag,
    json: jsonFlag,
    human: { kind: "yes", short: "H", preset: true, help: "Sizes and times for people (=false: exact)" },
    "no-trunc": { kind: "yes", help: "Do not cut ids and commands" },
    quiet: { kind: "yes", short: "q", help: "Print ids only" },
    platform: { kind: "text", help: "", absent: "the history is that of the host's platform" },
  },
  words: { least: 1, most: 1 },
  examples: [
    ["history alpine", "How it was made"],
    ["history --no-trunc --human=false alpine", "Exactly"],
  ],
  run: async ({ flags, words: [reference = ""], daemon, out, now }) => {
    const items = await (await daemon()).history(reference);
    if (flags.json) {
      await writeJson(out, items);
      return 0;
    }
    const look = { human: flags.human, full: flags["no-trunc"], now: now() };
    await writeRows(
      out,
      items.map((item) => row(item, look)),
      {
        format: flags.quiet ? "{{.ID}}" : flags.format,
        columns: `{{.ID}}\t{{.${flags.human ? "CreatedSince" : "CreatedAt"}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
        heads,
      },
    );
    return 0;
  },
});
