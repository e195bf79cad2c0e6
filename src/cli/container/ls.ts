/** `sampan ps`, `sampan container ls`. */
import type { ContainerSummary } from "../../spec/docker/containers.ts";
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { formatFlag, jsonFlag, type Row, writeJson, writeRows } from "../format.ts";
import { formatAge, formatTime } from "../text/age.ts";
import { ellipsis, shortId } from "../text/identifier.ts";

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
} as const;

function row(container: ContainerSummary, full: boolean, now: Date): Row {
  const command = full ? container.Command : ellipsis(container.Command, 20);
  const age = formatAge(container.Created, now);
  return {
    ID: full ? container.Id : shortId(container.Id),
    Names: container.Names.map((name) => name.replace(/^\//, "")).join(","),
    Image: container.Image,
    Command: JSON.stringify(command),
    CreatedAt: formatTime(container.Created),
    CreatedSince: age,
    RunningFor: age,
    State: container.State,
    Status: container.Status,
    Ports: "",
  };
}

type Filters = Readonly<Record<string, readonly string[]>>;

/** Of one key any value may fit; all keys must. */
function fits(container: ContainerSummary, filters: Filters): boolean {
  const { name, id, status, ancestor } = filters;
  const some = (values: readonly string[] | undefined, test: (value: string) => boolean) =>
    values === undefined || values.some(test);
  return (
    some(name, (value) => container.Names.some((each) => each.includes(value))) &&
    some(id, (value) => container.Id.startsWith(value)) &&
    some(status, (value) => container.State === value) &&
    some(ancestor, (value) => container.Image === value || container.ImageID.includes(value))
  );
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
    size: { kind: "yes", short: "s", help: "", absent: "sizes are in system df -v" },
  },
  words: { least: 0, most: 0 },
  more: "Filters: name=TEXT, id=ID, status=created|running|exited, ancestor=IMAGE.",
  examples: [
    ["ps -a", "All containers"],
    ["ps -aq --filter status=exited", "Ids of those that ended"],
  ],
  run: async ({ flags, client, out, now }) => {
    const filters = parseFilters(flags.filter, ["name", "id", "status", "ancestor"]);
    const last = flags.latest ? 1 : flags.last;
    const all = flags.all || last !== undefined || filters["status"] !== undefined;
    const found = (await (await client()).containers({ all })).filter((each) => fits(each, filters));
    const shown = last === undefined || last < 0 ? found : found.slice(0, last);
    if (flags.json) {
      await writeJson(out, shown);
      return 0;
    }
    await writeRows(
      out,
      shown.map((container) => row(container, flags["no-trunc"], now())),
      {
        format: flags.quiet ? "{{.ID}}" : flags.format,
        columns: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
        heads,
      },
    );
    return 0;
  },
});
