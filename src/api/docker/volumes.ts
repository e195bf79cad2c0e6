/** Volumes. */
import { invalid } from "../../base/errors.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { VolumeInfo } from "../../engine/volumes/volumes.ts";
import type { Volume } from "../../spec/docker/volumes.ts";
import { empty, json } from "./answer.ts";
import { labelsFit } from "./labels.ts";
import { record, textOf, textsOf } from "./parse.ts";
import type { Filters } from "./query.ts";
import { route, type Call, type Route } from "./route.ts";
import { goTime } from "./time.ts";

type Parts = Pick<LiveEngine, "volumes" | "store" | "settings">;

export function volumeRoutes(engine: Parts): Route[] {
  const { volumes } = engine;
  return [
    route("GET", "/volumes", ({ query }) => json(list(engine, query.filters(volumeFilters)))),
    route("POST", "/volumes/create", async (call) => json(volumeOf(await create(engine, call)), 201)),
    route("POST", "/volumes/prune", async (call) => json(await prune(engine, call))),
    route("GET", "/volumes/{name}", ({ param }) => json(volumeOf(volumes.get(param("name"))))),
    route("PUT", "/volumes/{name}", ({ param }) => {
      throw invalid(`cannot update volume "${param("name")}": it is not a cluster volume`);
    }),
    route("DELETE", "/volumes/{name}", async ({ param, query }) => {
      await volumes.remove(param("name"), { force: query.bool("force") });
      return empty();
    }),
  ];
}

const volumeFilters = ["dangling", "driver", "label", "name"];

export function volumeOf({ name, driver, mountpoint, created, labels, options }: VolumeInfo): Volume {
  return {
    CreatedAt: goTime(created).replace(/\.\d+Z$/, "Z"),
    Driver: driver,
    Labels: Object.keys(labels).length > 0 ? labels : null,
    Mountpoint: mountpoint,
    Name: name,
    Options: Object.keys(options).length > 0 ? options : null,
    Scope: "local",
  };
}

function list({ volumes }: Parts, filters: Filters): { Volumes: Volume[]; Warnings: null } {
  const dangling = filters["dangling"]?.map((value) => value === "true" || value === "1");
  const fits = (info: VolumeInfo): boolean =>
    (filters["driver"]?.includes(info.driver) ?? true) &&
    (filters["name"]?.some((part) => info.name.includes(part)) ?? true) &&
    (dangling?.includes(volumes.users(info.name).length === 0) ?? true) &&
    labelsFit(info.labels, filters);
  return { Volumes: volumes.list().filter(fits).map(volumeOf), Warnings: null };
}

async function create({ volumes }: Parts, call: Call): Promise<VolumeInfo> {
  const body = await call.json((value) => record(value ?? {}, "the volume"));
  const name = textOf(body, "Name");
  const driver = textOf(body, "Driver");
  const options = textsOf(body, "DriverOpts");
  const labels = textsOf(body, "Labels");
  if (body["ClusterVolumeSpec"]) throw invalid("cannot create a cluster volume: this node is not in a swarm");
  return volumes.create({
    ...(name ? { name } : {}),
    ...(driver ? { driver } : {}),
    ...(options ? { options } : {}),
    ...(labels ? { labels } : {}),
  });
}

/** Since 1.42 only anonymous ones, unless `all` is asked for. */
async function prune({ volumes, store, settings }: Parts, { query, version }: Call) {
  const filters = query.filters(["label", "label!", "all"]);
  const all = version < 42 || (filters["all"]?.some((value) => value === "true" || value === "1") ?? false);
  const { diskUsage } = await import("../../engine/disk/usage.ts");
  const usage = await diskUsage({ store, settings });
  const items = usage.categories.find(({ name }) => name === "volumes")?.items ?? [];
  const sizes = new Map(items.map(({ name, size }) => [name, size]));
  const deleted: string[] = [];
  for (const { name, anonymous, labels } of volumes.list()) {
    if (volumes.users(name).length > 0 || !(all || anonymous) || !labelsFit(labels, filters)) continue;
    // A container may have come for it meanwhile: then it stays.
    const gone = await volumes.remove(name).then(
      () => true,
      () => false,
    );
    if (gone) deleted.push(name);
  }
  const reclaimed = deleted.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  return { VolumesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}
