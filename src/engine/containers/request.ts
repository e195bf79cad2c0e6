/** What a container is made with: Docker's create body, and what was settled when it was made. */
import { invalid } from "../../base/errors.ts";
import type { CreateBody, HostConfig } from "../../spec/docker/create.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import type { ContainerExtras } from "./extras.ts";
import type { IdRange, Remap } from "../snapshots/snapshotter.ts";
import type { VolumeMount } from "./volumes.ts";

/** The column `config` of a container's row: all that a later start needs. */
export interface StoredContainer {
  /** As it was asked for: inspect gives it back, under what the image says. */
  readonly body: CreateBody;
  readonly image: ImageConfigRun;
  readonly remap: Remap | undefined;
  readonly volumes: readonly VolumeMount[];
  /** The sandbox that it is a container of. */
  readonly pod?: string;
  readonly extras?: ContainerExtras;
}

const none: HostConfig = {};

export function hostConfig({ HostConfig }: Pick<CreateBody, "HostConfig">): HostConfig {
  return HostConfig ?? none;
}

/**
 * One of a pod, without a restart policy: it is started once, and whoever made it makes another in its place. So nothing of it needs to outlive a power cut, but how it
 * has ended by itself.
 */
export function isMadeAnew({
  body,
  pod,
}: {
  readonly body: CreateBody;
  readonly pod?: string | undefined;
}): boolean {
  const { Name = "" } = hostConfig(body).RestartPolicy ?? {};
  return pod !== undefined && (Name === "" || Name === "no");
}

/** The host's network namespace is its own. */
export function sharesHostNetwork(body: Pick<CreateBody, "HostConfig">): boolean {
  return hostConfig(body).NetworkMode === "host";
}

export function checkName(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/.test(name))
    throw invalid(
      `cannot name a container "${name.slice(0, 150)}": wanted two to 255 characters: a letter or digit, then letters, digits, "_", "." and "-"`,
    );
}

/**
 * At most what sethostname(2) takes, and one word of /etc/hosts: no space and no "#". RFC 1123 wants less, but people name containers "my_app" and
 * Docker lets them.
 */
export function checkHostname(name: string): void {
  if (!/^[!"$-.0-~]{1,64}$/.test(name))
    throw invalid(
      `cannot use hostname ${JSON.stringify(name.slice(0, 150))}: wanted at most 64 printable characters of ASCII without spaces, "#" and "/"`,
    );
}

/** The ids of a container with a user namespace of its own. `ranges` are the lines of /etc/subuid (or subgid). */
export function remapOf(userns: string | undefined, subuid: string, subgid: string): Remap | undefined {
  if (userns === undefined || userns === "" || userns === "host") return undefined;
  if (userns === "auto") return { uids: [subordinate(subuid, "uid")], gids: [subordinate(subgid, "gid")] };
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(userns);
  const [containerID = 0, hostID = 0, size = 0] = (match ?? []).slice(1).map(Number);
  const last = Math.max(containerID, hostID) + size;
  if (!match || size === 0 || last > 2 ** 32 - 1 || containerID !== 0 || hostID === 0)
    throw invalid(
      `cannot use user namespace "${userns}": wanted host, auto or 0:<first id on the host>:<how many>`,
    );
  const range: IdRange = { containerID, hostID, size };
  return { uids: [range], gids: [range] };
}

/** subuid(5): name:first:count. The names that engines use, then root's. */
function subordinate(text: string, kind: "uid" | "gid"): IdRange {
  const lines = text.split("\n").map((line) => line.split(":"));
  for (const name of ["sampan", "containers", "dockremap", "root"]) {
    const [, first, size] = lines.find(([user]) => user === name) ?? [];
    if (Number(first) > 0 && Number(size) > 0)
      return { containerID: 0, hostID: Number(first), size: Number(size) };
  }
  throw invalid(
    `cannot use user namespace "auto": /etc/sub${kind} has no range for sampan, containers, dockremap or root`,
  );
}
