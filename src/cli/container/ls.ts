/** `sampan ps`, `sampan container ls`. */
import type { ContainerSummary } from "../../spec/docker/containers.ts";
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { given } from "../flags/shared.ts";
import { formatFlag, jsonFlag, type Row, writeJson, writeRows } from "../format.ts";
import { formatAge, formatTime } from "../text/age.ts";
import { ellipsis, joinLabels, shortId } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";
import { formatPorts } from "./_ports.ts";

const heads = {
  ID: "CONTAINER ID",
  Names: "NAMES",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  CreatedSince: "CREATED",
  RunningFor: "CREATED",
  State: "STATE",
  Status: "STATUS",
  Ports: "PORTS",
  Size: "SIZE",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
} as const;

const columns =
  "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}" as const;

const filters = [
  "id",
  "name",
  "status",
  "exited",
  "label",
  "ancestor",
  "volume",
  "network",
  "before",
  "since",
  "health",
  "expose",
  "publish",
  "is-task",
  "isolation",
] as const;

/** `5B (virtual 7.8MB)`; "" when nobody asked. */
function formatSizes({ SizeRw, SizeRootFs }: ContainerSummary): string {
  if (SizeRw === undefined) return "";
  const own = formatSize(SizeRw);
  return SizeRootFs === undefined ? own : `${own} (virtual ${formatSize(SizeRootFs)})`;
}

function row(container: ContainerSummary, full: boolean, now: Date): Row {
  const command = full ? container.Command : ellipsis(container.Command, 20);
  const age = formatAge(container.Created, now);
  return {
    ID: full ? container.Id : shortId(container.Id),
    Names: container.Names.map((name) => name.replace(/^\//, "")).join(","),
    Image: container.Image,
    Command: JSON.stringify(command),
    // The dearest of all, and few ask for it.
    get CreatedAt() {
      return formatTime(container.Created);
    },
    CreatedSince: age,
    RunningFor: age,
    State: container.State,
    Status: container.Status,
    Ports: formatPorts(container.Ports ?? []),
    Size: formatSizes(container),
    Labels: joinLabels(container.Labels),
    Mounts: container.Mounts.map(({ Name, Source }) =>
      full ? (Name ?? Source) : ellipsis(Name ?? Source, 15),
    ).join(","),
    LocalVolumes: container.Mounts.filter(({ Type }) => Type === "volume").length,
    Networks:
      Object.keys(container.NetworkSettings?.Networks ?? {}).join(",") || container.HostConfig.NetworkMode,
  };
}

export const command = define({
  summary: "List containers",
  usage: "[OPTIONS]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also those that do not run" },
    filter: filterFlag,
    format: formatFlag,
    json: jsonFlag,
    last: { kind: "number", short: "n", help: "The last ones made, whatever their state" },
    latest: { kind: "yes", short: "l", help: "The last one made, whatever its state" },
    "no-trunc": { kind: "yes", help: "Do not cut ids and commands" },
    quiet: { kind: "yes", short: "q", help: "Print ids only" },
    size: { kind: "yes", short: "s", help: "What each has written, and that with its image" },
  },
  words: { least: 0, most: 0 },
  more: "Filters: id=ID, name=TEXT, status=created|running|exited, exited=STATUS, label=KEY[=VALUE], ancestor=IMAGE, volume=NAME, network=NAME, before=CONTAINER, since=CONTAINER, health=healthy|unhealthy|starting|none, expose=PORT, publish=PORT.",
  examples: [
    ["ps -a", "All containers"],
    ["ps -aq --filter status=exited", "Ids of those that ended"],
  ],
  run: async ({ flags, daemon, out, now }) => {
    const limit = flags.latest ? 1 : flags.last;
    // As docker does: a template that shows sizes asks for them.
    const size = flags.size || /\.Size\b/.test(flags.format ?? "");
    const engine = await daemon();
    const shown = await engine.containers({
      all: flags.all,
      size,
      filters: parseFilters(flags.filter, filters),
      ...given("limit", limit),
    });
    if (flags.json) {
      await writeJson(out, shown);
      return 0;
    }
    await writeRows(
      out,
      shown.map((container) => row(container, flags["no-trunc"], now())),
      {
        format: flags.quiet ? "{{.ID}}" : flags.format,
        columns: flags.size ? `${columns}\t{{.Size}}` : columns,
        heads,
      },
    );
    return 0;
  },
});
