/** `sampan images`, `sampan image ls`. */
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { formatFlag, jsonFlag, writeJson, writeRows } from "../format.ts";
import { imageHeads, imageRows } from "./_rows.ts";

export const command = define({
  summary: "List images",
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also those without a name that others are built on" },
    digests: { kind: "yes", help: "Show digests" },
    filter: filterFlag,
    format: formatFlag,
    json: jsonFlag,
    "no-trunc": { kind: "yes", help: "Do not cut ids" },
    quiet: { kind: "yes", short: "q", help: "Print ids only" },
    tree: { kind: "yes", help: "", absent: "there is no tree of platforms yet; see inspect --platform" },
  },
  words: { least: 0, most: 1 },
  more: "Filters: dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN, until=TIME.",
  examples: [
    ["images", "All images"],
    ["images --filter dangling=true -q", "Ids of images without a name"],
    ["images --format 'table {{.Repository}}\\t{{.Tag}}\\t{{.Size}}' alpine", "Some columns of some images"],
    ["images --json", "What the engine answers"],
  ],
  run: async ({ flags, words: [pattern], daemon, out, now }) => {
    const known = ["dangling", "label", "before", "since", "reference", "until"];
    const filters = parseFilters(flags.filter, known);
    if (pattern !== undefined) filters["reference"] = [...(filters["reference"] ?? []), pattern];
    const images = await (await daemon()).images({ all: flags.all, filters });
    if (flags.json) {
      await writeJson(out, images);
      return 0;
    }
    const digests = flags.digests || (flags.format?.includes(".Digest") ?? false);
    const rows = images.flatMap((image) =>
      imageRows(image, { digests, full: flags["no-trunc"], now: now() }),
    );
    const digest = flags.digests ? "{{.Digest}}\t" : "";
    await writeRows(out, rows, {
      format: flags.quiet ? "{{.ID}}" : flags.format,
      columns: `{{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
      heads: imageHeads,
    });
    return 0;
  },
});
