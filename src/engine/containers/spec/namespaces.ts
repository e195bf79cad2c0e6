/** Which namespaces a container has, shares, or joins. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { CreateBody } from "../../../spec/docker/create.ts";
import type { ImageConfigRun } from "../../../spec/image/types.ts";
import type { OciNamespace } from "../../../spec/oci/config.ts";
import { hostConfig, sharesHostNetwork } from "../request.ts";
import type { HostFacts } from "./host.ts";

/** Namespaces that exist already, as absolute paths: of a network's sandbox, or of another container's first process (`/proc/<pid>/ns/ipc`). */
export interface Joined {
  readonly network?: string;
  readonly ipc?: string;
  readonly pid?: string;
  readonly uts?: string;
  readonly user?: string;
}

/** `container:<reference>` → the reference. */
export function otherContainer(mode: string | undefined): string | undefined {
  return mode?.startsWith("container:") ? mode.slice("container:".length) : undefined;
}

/** `pod:<id>` → the id of a sandbox. */
export function podOf(mode: string | undefined): string | undefined {
  return mode?.startsWith("pod:") ? mode.slice("pod:".length) : undefined;
}

/** The namespace is another container's, or a pod's. */
export function isJoined(mode: string | undefined): boolean {
  return otherContainer(mode) !== undefined || podOf(mode) !== undefined;
}

/** Another container's, by field; those must run when this one starts. */
export function otherContainers(body: CreateBody): { network?: string; ipc?: string; pid?: string } {
  const { NetworkMode, IpcMode, PidMode } = hostConfig(body);
  const found = {
    network: otherContainer(NetworkMode),
    ipc: otherContainer(IpcMode),
    pid: otherContainer(PidMode),
  };
  return Object.fromEntries(Object.entries(found).filter(([, reference]) => reference !== undefined));
}

export function privateCgroups(
  body: CreateBody,
  { unifiedCgroups }: Pick<HostFacts, "unifiedCgroups">,
): boolean {
  const { CgroupnsMode, Privileged } = hostConfig(body);
  // Where the old and the new tree are both there, Docker leaves the host's.
  return CgroupnsMode ? CgroupnsMode === "private" : unifiedCgroups && Privileged !== true;
}

export interface NamespacesInput {
  readonly body: CreateBody;
  readonly ownIds: boolean;
  readonly host: Pick<HostFacts, "unifiedCgroups">;
  readonly joined: Joined;
}

export function namespaces({ body, ownIds, host, joined }: NamespacesInput): OciNamespace[] {
  const { IpcMode, PidMode, UTSMode } = hostConfig(body);
  const found: OciNamespace[] = [{ type: "mount" }];
  const add = (type: OciNamespace["type"], path?: string) =>
    found.push({ type, ...(path !== undefined && { path }) });
  if (UTSMode !== "host") add("uts", joinedPath("UTSMode", UTSMode, joined.uts));
  if (PidMode !== "host") add("pid", joinedPath("PidMode", PidMode, joined.pid));
  if (IpcMode !== "host") add("ipc", joinedPath("IpcMode", IpcMode, joined.ipc));
  if (!sharesHostNetwork(body)) {
    const mode = hostConfig(body).NetworkMode;
    add(
      "network",
      podOf(mode) === undefined ? joined.network : joinedPath("NetworkMode", mode, joined.network),
    );
  }
  if (privateCgroups(body, host)) add("cgroup");
  if (ownIds) add("user", joined.user);
  return found;
}

/** A container whose namespace was to be joined must not get one of its own because nobody said where that is. */
function joinedPath(field: string, mode: string | undefined, path: string | undefined): string | undefined {
  if (!isJoined(mode) || path !== undefined) return path;
  throw invalid(`cannot use ${field} "${mode}": that container does not run`);
}

interface Conflict {
  readonly when: (body: CreateBody, ownIds: boolean) => boolean;
  readonly why: string;
}

const joins = isJoined;
const network = (body: CreateBody) => hostConfig(body).NetworkMode;
const some = (value: object | null | undefined) =>
  value !== null && value !== undefined && Object.keys(value).length > 0;

/** Docker's own list, and what a user namespace rules out. */
const conflicts: readonly Conflict[] = [
  {
    when: (body) => Boolean(body.Hostname) && joins(network(body)),
    why: "Hostname cannot be set for the network of another container: the name is that container's",
  },
  {
    when: (body) => Boolean(body.Hostname) && hostConfig(body).UTSMode === "host",
    why: 'Hostname cannot be set with UTSMode "host": it would be the host\'s',
  },
  {
    when: (body) => Boolean(body.Domainname) && hostConfig(body).UTSMode === "host",
    why: 'Domainname cannot be set with UTSMode "host": it would be the host\'s',
  },
  {
    when: (body) => some(hostConfig(body).Dns) && joins(network(body)),
    why: "Dns cannot be set for the network of another container",
  },
  {
    when: (body) => some(hostConfig(body).ExtraHosts) && joins(network(body)),
    why: "ExtraHosts cannot be set for the network of another container",
  },
  {
    when: (body) => Boolean(body.MacAddress) && (joins(network(body)) || sharesHostNetwork(body)),
    why: "MacAddress cannot be set for a network that is not the container's own",
  },
  {
    when: (body) =>
      joins(network(body)) &&
      (some(hostConfig(body).PortBindings) || hostConfig(body).PublishAllPorts === true),
    why: "ports cannot be published for the network of another container: publish them there",
  },
  {
    when: (body, ownIds) => ownIds && hostConfig(body).PidMode === "host",
    why: 'PidMode "host" cannot be with user ids of its own: UsernsMode "host" goes with it',
  },
  {
    when: (body, ownIds) => ownIds && hostConfig(body).IpcMode === "host",
    why: 'IpcMode "host" cannot be with user ids of its own: UsernsMode "host" goes with it',
  },
  {
    when: (body) => hostConfig(body).IpcMode === "none" && Boolean(hostConfig(body).ShmSize),
    why: 'ShmSize cannot be set with IpcMode "none": there is no /dev/shm then',
  },
];

const modes = {
  IpcMode: ["", "none", "private", "shareable", "host"],
  PidMode: ["", "host"],
} as const;

/** Errors: `invalid_argument` for a mode that is none, and for what excludes each other. */
export function checkNamespaces(body: CreateBody, ownIds: boolean): void {
  for (const [field, known] of Object.entries(modes)) {
    const mode = hostConfig(body)[field as keyof typeof modes] ?? "";
    const other = otherContainer(mode) ?? podOf(mode);
    if (other === undefined ? !(known as readonly string[]).includes(mode) : other === "")
      throw invalid(
        `cannot use ${field} "${mode.slice(0, 150)}": wanted ${known.filter(Boolean).join(", ")} or container:<name>`,
      );
  }
  if (otherContainer(network(body)) === "")
    throw invalid('cannot use NetworkMode "container:": wanted container:<name>');
  const found = conflicts.find(({ when }) => when(body, ownIds));
  if (found) throw invalid(`cannot create the container: ${found.why}`);
}

/** By the name of the field that asks for a runtime's own container. */
export function stopSignal(body: CreateBody, image: ImageConfigRun): string {
  return body.StopSignal || image.StopSignal || "SIGTERM";
}
