/** The engine's containers in the shapes of Docker's API. */
import { join } from "node:path";
import { hostnameOf } from "../../engine/containers/bundle.ts";
import type { ContainerInfo } from "../../engine/containers/containers.ts";
import { containerFolder } from "../../engine/containers/create.ts";
import { labelsOf, type Listed } from "../../engine/containers/filter.ts";
import { mergedEnvironment, processWords } from "../../engine/containers/process.ts";
import { hostConfig, type StoredContainer } from "../../engine/containers/request.ts";
import { rootfsOf } from "../../engine/containers/rootfs.ts";
import type { Engine } from "../../engine/engine.ts";
import type { ContainerInspect, ContainerSummary, MountPoint } from "../../spec/docker/containers.ts";
import { formatDuration } from "../../spec/docker/duration.ts";

type Parts = Pick<Engine, "store" | "settings" | "snapshots">;
type Sizes = Pick<ContainerSummary, "SizeRw" | "SizeRootFs">;

export function containerSummary(engine: Parts, { info, stored }: Listed): ContainerSummary {
  return {
    Id: info.id,
    Names: [`/${info.name}`],
    Image: info.image,
    ImageID: info.imageId,
    Command: info.command.join(" "),
    Created: Math.floor(info.created.getTime() / 1000),
    State: info.state,
    Status: statusText(info, new Date()),
    Labels: labelsOf(stored),
    HostConfig: { NetworkMode: hostConfig(stored.body).NetworkMode ?? "default" },
    Mounts: mountPoints(engine, stored),
  };
}

/** As docker words it. */
export function statusText({ state, started, finished, exitCode }: ContainerInfo, now: Date): string {
  const since = (time: Date) => formatDuration(Math.max(0, now.getTime() - time.getTime()));
  if (state === "created") return "Created";
  if (state === "running") return started ? `Up ${since(started)}` : "Up";
  const status = `Exited (${exitCode ?? 255})`;
  return finished ? `${status} ${since(finished)} ago` : status;
}

/** What it has written, and that with its image's layers. */
export async function containerSizes({ snapshots }: Parts, { snapshot }: ContainerInfo): Promise<Sizes> {
  const { bytes } = await snapshots.usage(snapshot);
  // A copy's own directory holds its image too.
  if (snapshots.name === "copy") return { SizeRw: bytes, SizeRootFs: bytes };
  let below = 0;
  for (let layer = parentOf(snapshot); layer; layer = parentOf(layer.key)) below += layer.usage.bytes;
  return { SizeRw: bytes, SizeRootFs: bytes + below };

  function parentOf(key: string) {
    const parent = snapshots.stat(key)?.parent;
    return parent === undefined ? undefined : snapshots.stat(parent);
  }
}

const never = "0001-01-01T00:00:00Z";

export function containerInspect(engine: Parts, { info, stored }: Listed): ContainerInspect {
  const [path = "", ...args] = info.command;
  const folder = containerFolder(engine.store.root, info.id);
  return {
    Id: info.id,
    Created: info.created.toISOString(),
    Path: path,
    Args: args,
    State: {
      Status: info.state,
      Running: info.state === "running",
      Pid: info.pid ?? 0,
      ExitCode: info.exitCode ?? 0,
      StartedAt: info.started?.toISOString() ?? never,
      FinishedAt: info.finished?.toISOString() ?? never,
    },
    Image: info.imageId,
    Name: `/${info.name}`,
    Driver: engine.snapshots.name,
    Platform: "linux",
    ResolvConfPath: join(folder, "resolv.conf"),
    HostnamePath: join(folder, "hostname"),
    HostsPath: join(folder, "hosts"),
    HostConfig: hostPart(stored),
    GraphDriver: { Name: engine.snapshots.name, Data: graphData(engine, info) },
    Mounts: mountPoints(engine, stored),
    Config: config(info, stored),
  };
}

function hostPart({ body }: StoredContainer): ContainerInspect["HostConfig"] {
  const host = hostConfig(body);
  return {
    Binds: host.Binds ?? [],
    NetworkMode: host.NetworkMode ?? "default",
    AutoRemove: host.AutoRemove === true,
    Privileged: host.Privileged === true,
    ReadonlyRootfs: host.ReadonlyRootfs === true,
    CapAdd: host.CapAdd ?? [],
    CapDrop: host.CapDrop ?? [],
    UsernsMode: host.UsernsMode ?? "",
    Runtime: host.Runtime || "sampan",
    Memory: host.Memory ?? 0,
    NanoCpus: host.NanoCpus ?? 0,
    PidsLimit: host.PidsLimit ?? null,
  };
}

function config(info: ContainerInfo, { body, image }: StoredContainer): ContainerInspect["Config"] {
  const { entrypoint, command } = processWords(body, image);
  return {
    Hostname: hostnameOf(info.id, body),
    User: body.User || image.User || "",
    Tty: body.Tty === true,
    OpenStdin: body.OpenStdin === true,
    Env: mergedEnvironment([...(image.Env ?? []), ...(body.Env ?? [])]),
    Cmd: command.length > 0 ? command : null,
    Image: info.image,
    Volumes: image.Volumes ?? null,
    WorkingDir: body.WorkingDir || (image.WorkingDir ?? ""),
    Entrypoint: entrypoint.length > 0 ? entrypoint : null,
    Labels: labelsOf({ body, image }),
  };
}

function mountPoints({ store }: Pick<Engine, "store">, { volumes }: StoredContainer): MountPoint[] {
  return volumes.flatMap(({ kind, source, destination, readonly, propagation }) =>
    kind === "tmpfs" || kind === "image"
      ? []
      : [
          {
            Type: kind,
            ...(kind === "volume" ? { Name: source } : {}),
            Source: kind === "volume" ? join(store.root, "volumes", source, "_data") : source,
            Destination: destination,
            Mode: readonly ? "ro" : "",
            RW: !readonly,
            Propagation: kind === "volume" ? "" : propagation,
          },
        ],
  );
}

const graphKeys = { lowerdir: "LowerDir", upperdir: "UpperDir", workdir: "WorkDir" } as const;

/** Of an overlay: its folders, and where they are seen as one while it runs. */
function graphData(engine: Parts, { id, snapshot, state }: ContainerInfo): Record<string, string> {
  const [root] = engine.snapshots.mounts(snapshot);
  const data: Record<string, string> = {};
  for (const option of root?.options ?? [])
    for (const [key, name] of Object.entries(graphKeys))
      if (option.startsWith(`${key}=`)) data[name] = option.slice(key.length + 1);
  if (state === "running") data["MergedDir"] = rootfsOf(engine, id);
  return data;
}
