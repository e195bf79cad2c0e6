/** The OCI configuration of a container, from its image's configuration, what was asked, and facts about the host. Pure; Docker's defaults. One file a topic in spec/. */
import { posix } from "node:path";
import { invalid } from "../../base/errors.ts";
import type { CreateBody, HostConfig } from "../../spec/docker/create.ts";
import type { OciConfig, OciLinux, OciProcess, OciResources } from "../../spec/oci/config.ts";
import { capabilitySets, containerCapabilities, knownCapabilities } from "./capabilities.ts";
import { processArguments, processEnvironment } from "./process.ts";
import { hostConfig, type StoredContainer } from "./request.ts";
import type { CdiEdits } from "./spec/cdi.ts";
import { deviceParts } from "./spec/devices.ts";
import { extraLimits } from "./spec/extras.ts";
import type { HostFacts } from "./spec/host.ts";
import { initWords, mounts } from "./spec/mounts.ts";
import { namespaces, podOf, type Joined } from "./spec/namespaces.ts";
import { limits } from "./spec/resources.ts";
import { rlimits } from "./spec/rlimits.ts";
import { security, type Security } from "./spec/security.ts";
import { selinuxLabels, type SelinuxLabels } from "./spec/selinux.ts";
import { sysctls } from "./spec/sysctls.ts";
import { cgroupOf } from "./cgroup-name.ts";
import type { ResolvedUser } from "./user.ts";
import type { VolumeMount } from "./volumes.ts";

export { mark, mountTargets, ownFiles } from "./spec/mounts.ts";
export type { HostFacts } from "./spec/host.ts";

export interface SpecInput {
  readonly id: string;
  readonly rootfs: string;
  readonly stored: StoredContainer;
  readonly user: ResolvedUser;
  readonly host: HostFacts;
  readonly hostname: string;
  /** Files of ours that are bound over the image's, by their place in the container. */
  readonly files: Readonly<Record<string, string>>;
  /** Where a volume or bind lies on the host. */
  readonly sourceOf: (volume: VolumeMount) => string;
  /** Namespaces that are there already. */
  readonly joined?: Joined;
  /** The tmpfs for /dev/shm, where it is not the container's alone. */
  readonly shm?: string;
  /** A sysfs for /sys, where it may not mount one. */
  readonly sys?: string;
  /** The file of the host that `--init` binds. */
  readonly init?: string;
  /** Variables that tell of other containers. */
  readonly links?: readonly string[];
  readonly cdi?: CdiEdits;
}

export function containerSpec(input: SpecInput): OciConfig {
  const { stored, host, hostname, rootfs, cdi } = input;
  const { body } = stored;
  const asked = hostConfig(body);
  const ambient = knownCapabilities(stored.extras?.ambientCapabilities ?? []);
  const names = containerCapabilities(withAmbient(asked, ambient), host.bounding);
  const labels = selinuxLabels(stored.extras?.selinux, host.seLinux);
  const safety = security(asked, names, host);
  const ownUts = asked.UTSMode !== "host" && podOf(asked.UTSMode) === undefined;
  const kernel = { writableCgroups: safety.writableCgroups, kernel: host.kernel, more: cdi?.mounts ?? [] };
  return {
    // The oldest that has all of what stands here, for runtimes of other people.
    ociVersion: "1.0.2",
    process: processOf(input, { names, ambient, safety, labels }),
    root: { path: rootfs, readonly: asked.ReadonlyRootfs === true },
    ...(ownUts && { hostname }),
    ...(ownUts && body.Domainname && { domainname: body.Domainname }),
    mounts: mounts({ ...input, ...kernel, shm: input.shm, sys: input.sys, init: input.init }),
    ...(cdi && Object.keys(cdi.hooks).length > 0 && { hooks: cdi.hooks }),
    ...(asked.Annotations && { annotations: { ...asked.Annotations } }),
    linux: linux(input, safety, labels),
  };
}

/** What is ambient is bounded by what the container may have. */
function withAmbient(asked: HostConfig, ambient: readonly string[]): HostConfig {
  return ambient.length === 0 ? asked : { ...asked, CapAdd: [...(asked.CapAdd ?? []), ...ambient] };
}

interface Rights {
  readonly names: readonly string[];
  readonly ambient: readonly string[];
  readonly safety: Security;
  readonly labels: SelinuxLabels | undefined;
}

function processOf(input: SpecInput, { names, ambient, safety, labels }: Rights): OciProcess {
  const { stored, user, host, hostname, links = [], cdi } = input;
  const { body, image } = stored;
  const { ConsoleSize, OomScoreAdj, Ulimits } = hostConfig(body);
  const [height = 0, width = 0] = ConsoleSize ?? [];
  const limited = rlimits(Ulimits, host);
  return {
    terminal: body.Tty === true,
    ...(body.Tty && height > 0 && width > 0 && { consoleSize: { height, width } }),
    user: {
      uid: user.uid,
      gid: user.gid,
      additionalGids: [...new Set([...user.additionalGids, ...(cdi?.groups ?? [])])],
    },
    args: [...initWords(body), ...processArguments(body, image)],
    env: processEnvironment({
      body,
      image,
      hostname,
      home: user.home,
      more: [...links, ...(cdi?.env ?? [])],
    }),
    cwd: workingDirectory(body.WorkingDir || image.WorkingDir),
    capabilities: capabilitySets(names, user.uid, ambient),
    noNewPrivileges: safety.noNewPrivileges,
    ...(limited.length > 0 && { rlimits: limited }),
    ...(OomScoreAdj && { oomScoreAdj: OomScoreAdj }),
    ...(safety.appArmor !== undefined && { apparmorProfile: safety.appArmor }),
    // One with every right has this one too, as containerd has it; its files are labelled.
    ...(labels && !hostConfig(body).Privileged && { selinuxLabel: labels.process }),
  };
}

function workingDirectory(path: string | undefined): string {
  if (path?.includes("\0")) throw invalid("cannot use the working directory: it holds a NUL byte");
  return posix.join("/", path ?? "").replace(/(?<=.)\/$/, "");
}

function linux(input: SpecInput, safety: Security, labels: SelinuxLabels | undefined): OciLinux {
  const { id, stored, host, joined = {}, cdi } = input;
  const { body, remap } = stored;
  const ownIds = remap !== undefined;
  const parameters = sysctls(body, { ownIds });
  const { devices, rules } = deviceParts(hostConfig(body), host);
  const nodes = new Map([...devices, ...(cdi?.devices ?? [])].map((node) => [node.path, node]));
  const resources: OciResources = {
    devices: [...rules, ...(cdi?.rules ?? [])],
    ...limits(hostConfig(body), host),
    ...extraLimits(stored.extras ?? {}, host),
  };
  return {
    namespaces: namespaces({ body, ownIds, host, joined }),
    ...(remap && {
      uidMappings: remap.uids.map((range) => ({ ...range })),
      gidMappings: remap.gids.map((range) => ({ ...range })),
    }),
    cgroupsPath: cgroupPath(body, id),
    resources,
    rootfsPropagation: rootPropagation(stored),
    ...(Object.keys(parameters).length > 0 && { sysctl: parameters }),
    ...(nodes.size > 0 && { devices: [...nodes.values()] }),
    ...(safety.seccomp && { seccomp: safety.seccomp }),
    ...(safety.maskedPaths.length > 0 && { maskedPaths: [...safety.maskedPaths] }),
    ...(safety.readonlyPaths.length > 0 && { readonlyPaths: [...safety.readonlyPaths] }),
    ...(labels && { mountLabel: labels.mount }),
  };
}

/** A name that no other container has, below the parent that was asked for. Errors: `invalid_argument`. */
export function cgroupPath(body: CreateBody, id: string): string {
  const { CgroupParent } = hostConfig(body);
  const parent = CgroupParent ?? "";
  if (parent.split("/").includes("..") || /[\n:]/.test(parent))
    throw invalid(`cannot use cgroup parent "${parent.slice(0, 150)}": wanted a path without ".."`);
  return posix.join("/", parent, cgroupOf(id));
}

/** A bind that is to pass mounts on needs a root that does. */
function rootPropagation({ volumes }: StoredContainer): "rprivate" | "shared" | "rslave" {
  const words = volumes.map(({ propagation }) => propagation);
  if (words.some((word) => word === "shared" || word === "rshared")) return "shared";
  return words.some((word) => word === "slave" || word === "rslave") ? "rslave" : "rprivate";
}
