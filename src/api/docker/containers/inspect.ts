/** GET /containers/{id}/json. */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { execsOf } from "../../../engine/containers/exec.ts";
import { logPath } from "../../../engine/containers/logs.ts";
import { rootfsOf } from "../../../engine/containers/rootfs.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { goTime } from "../time.ts";
import { configOf, hostConfigOf } from "./config.ts";
import { findContainer } from "./find.ts";
import { mountPoints } from "./mounts.ts";
import { endpointsByContainer, networkSettings } from "./networks.ts";
import { sizesOf } from "./sizes.ts";

export async function inspectContainer(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const container = findContainer(engine, param("id"));
  const sizes = query.bool("size") ? await sizesOf(engine, container) : {};
  return json({ ...inspection(engine, container), ...sizes });
}

export function inspection(engine: LiveEngine, container: ContainerInfo): Record<string, unknown> {
  const { id, name, created, command, imageId, restartCount, body } = container;
  const [path = "", ...args] = command;
  const folder = join(engine.store.root, "containers", id);
  const endpoints = endpointsByContainer(engine.networks.list()).get(id) ?? new Map();
  const execs = execsOf(engine, id);
  const noLog = body.HostConfig?.LogConfig?.Type === "none";
  return {
    Id: id,
    Created: goTime(created),
    Path: path,
    Args: args,
    State: stateOf(container),
    Image: imageId,
    ResolvConfPath: join(folder, "resolv.conf"),
    HostnamePath: join(folder, "hostname"),
    HostsPath: join(folder, "hosts"),
    LogPath: noLog ? "" : logPath(engine.store.root, container),
    Name: `/${name}`,
    RestartCount: restartCount,
    Driver: driverName(engine),
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: hostConfigOf(container, {
      runtime: engine.runtimes.default,
      unified: existsSync("/sys/fs/cgroup/cgroup.controllers"),
    }),
    GraphDriver: { Name: driverName(engine), Data: graphData(engine, container) },
    Mounts: mountPoints(engine, container),
    Config: configOf(container, hostname()),
    NetworkSettings: networkSettings(container, endpoints, engine.networks.sandbox(id)),
    ...manifestOf(engine, container),
  };
}

/** Which of an index's images it is made of, while that is here. */
function manifestOf({ images }: LiveEngine, { imageId, manifest }: ContainerInfo): Record<string, unknown> {
  if (!images.find(imageId)) return {};
  const found = images.platforms(imageId).find((each) => each.manifest.digest === manifest);
  if (!found) return {};
  const { mediaType, digest, size } = found.manifest;
  return { ImageManifestDescriptor: { mediaType, digest, size, platform: found.platform } };
}

/** As Docker names them, for tools that look for it. */
export function driverName({ snapshots }: Pick<LiveEngine, "snapshots">): string {
  return snapshots.name === "overlayfs" ? "overlay2" : "vfs";
}

function stateOf(container: ContainerInfo): Record<string, unknown> {
  const { state, oomKilled, pid, exitCode, error, started, finished, health } = container;
  return {
    Status: state,
    Running: state === "running" || state === "paused" || state === "restarting",
    Paused: state === "paused",
    Restarting: state === "restarting",
    OOMKilled: oomKilled,
    Dead: state === "dead",
    Pid: state === "running" || state === "paused" ? (pid ?? 0) : 0,
    ExitCode: state === "running" || state === "paused" ? 0 : (exitCode ?? 0),
    Error: error,
    StartedAt: goTime(started),
    FinishedAt: goTime(finished),
    ...(health ? { Health: healthOf(health) } : {}),
  };
}

function healthOf({
  status,
  failingStreak,
  log,
}: NonNullable<ContainerInfo["health"]>): Record<string, unknown> {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: goTime(start),
      End: goTime(end),
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

const graphKeys = { lowerdir: "LowerDir", upperdir: "UpperDir", workdir: "WorkDir" } as const;

/** Of an overlay: its folders, and where they are seen as one while it runs. */
function graphData(engine: LiveEngine, { id, snapshot }: ContainerInfo): Record<string, string> | null {
  if (engine.snapshots.name !== "overlayfs") return null;
  const [root] = engine.snapshots.mounts(snapshot);
  const data: Record<string, string> = { MergedDir: rootfsOf(engine, id) };
  for (const option of root?.options ?? [])
    for (const [key, name] of Object.entries(graphKeys))
      if (option.startsWith(`${key}=`)) data[name] = option.slice(key.length + 1);
  return data;
}
