/** What is mounted into a container: the kernel's file systems, the files of ours, volumes and folders of the host. Pure. */
import { SampanError, invalid } from "../../../base/errors.ts";
import { isAtLeast } from "../../../kernel/release.ts";
import type { CreateBody } from "../../../spec/docker/create.ts";
import type { OciMount } from "../../../spec/oci/config.ts";
import { hostConfig, sharesHostNetwork, type StoredContainer } from "../request.ts";
import type { VolumeMount } from "../volumes.ts";
import { mappingsOf } from "./idmaps.ts";
import { isJoined, podOf } from "./namespaces.ts";

/** By which scripts know that they run in a container, since Docker's first days. */
export const mark = "/.dockerenv";

/** Files of ours that are bound over the image's. */
export const ownFiles = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", mark] as const;

const initPlace = "/sbin/docker-init";

export interface MountsInput {
  readonly stored: StoredContainer;
  /** By their place in the container. */
  readonly files: Readonly<Record<string, string>>;
  /** Where what is mounted lies on the host. */
  readonly sourceOf: (volume: VolumeMount) => string;
  /** The tmpfs of another container's /dev/shm, or of its own that others may join. */
  readonly shm: string | undefined;
  /** The sysfs of its network's namespace, where it may not mount one itself. */
  readonly sys: string | undefined;
  /** Runtimes.init. */
  readonly init: string | undefined;
  readonly writableCgroups: boolean;
  readonly kernel: string;
  /** CDI's. */
  readonly more: readonly OciMount[];
}

/** Where something is mounted into a container. */
export function mountTargets({ body, remap, volumes }: StoredContainer): string[] {
  const kernel = kernelMounts({
    body,
    ownIds: remap !== undefined,
    shm: undefined,
    sys: undefined,
    writableCgroups: false,
  });
  const places = [...kernel, ...volumes].map(({ destination }) => destination);
  return [...places, ...ownFiles, ...(hostConfig(body).Init ? [initPlace] : [])];
}

export function mounts(input: MountsInput): OciMount[] {
  const { stored, files, sourceOf, init, more } = input;
  const { body, remap, volumes } = stored;
  const taken = new Set([...volumes, ...more].map(({ destination }) => destination));
  const kernel = kernelMounts({ ...input, body, ownIds: remap !== undefined });
  const own = Object.entries(files).map(([destination, source]): OciMount => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", "rprivate", ...(hostConfig(body).ReadonlyRootfs ? ["ro"] : [])],
  }));
  const isHere = ({ destination }: OciMount) => !taken.has(destination);
  const isOpen = ({ destination }: OciMount) =>
    stored.pod === undefined || !isBelowReadOnly(destination, volumes);
  const all = [
    ...[...kernel, ...own.filter(isOpen)].filter(isHere),
    ...volumes.map((volume) => volumeMount(volume, sourceOf, input.kernel)),
    ...more,
    ...(hostConfig(body).Init ? [initMount(init)] : []),
  ];
  // What lies in a folder that a pod mounts (over /dev) is mounted into it, as containerd does; Docker's containers see of such a folder what is in it.
  return stored.pod === undefined ? all : all.toSorted((a, b) => depth(a) - depth(b));
}

/** Nothing can be made there to mount on, so that a container with a folder over /etc that is read-only has of /etc what is in that. */
function isBelowReadOnly(path: string, volumes: readonly VolumeMount[]): boolean {
  return volumes.some(({ destination, readonly }) => readonly && path.startsWith(`${destination}/`));
}

const depth = ({ destination }: OciMount) => destination.split("/").filter(Boolean).length;

/** The words that init is called by, before the container's own. */
export function initWords(body: CreateBody): string[] {
  return hostConfig(body).Init ? [initPlace, "--"] : [];
}

function initMount(source: string | undefined): OciMount {
  if (source !== undefined)
    return { destination: initPlace, type: "bind", source, options: ["bind", "ro", "nosuid", "nodev"] };
  throw new SampanError("internal", "cannot mount init: nobody has said where it is");
}

function volumeMount(volume: VolumeMount, sourceOf: MountsInput["sourceOf"], kernel: string): OciMount {
  const { destination, kind, readonly, propagation } = volume;
  if (kind === "tmpfs") {
    const options = ["noexec", "nosuid", "nodev", ...(volume.options ?? []), ...(readonly ? ["ro"] : [])];
    return { destination, type: "tmpfs", source: "tmpfs", options };
  }
  const bind = volume.nonRecursive ? "bind" : "rbind";
  return {
    destination,
    type: "bind",
    source: sourceOf(volume),
    options: [bind, propagation, ...(readonly ? readOnlyWords(volume, kernel) : [])],
    // An image's are mapped where it is mounted on the host (mount-image.ts).
    ...(kind === "image" ? {} : mappingsOf(volume.idmap)),
  };
}

/** What is mounted below a folder of the host is read-only with it, where mount_setattr(2) is there: Linux 5.12. */
function readOnlyWords({ kind, readonlyTree, nonRecursive }: VolumeMount, kernel: string): string[] {
  const able = isAtLeast(kernel, "5.12");
  if (readonlyTree === "force" && !able)
    throw invalid(`cannot mount read-only with all below it: Linux is ${kernel}, wanted 5.12 or later`);
  return able && kind === "bind" && readonlyTree !== "top" && !nonRecursive ? ["ro", "rro"] : ["ro"];
}

interface KernelMounts {
  readonly body: CreateBody;
  readonly ownIds: boolean;
  readonly shm: string | undefined;
  readonly sys: string | undefined;
  readonly writableCgroups: boolean;
}

const quiet = ["nosuid", "noexec", "nodev"];

function kernelMount(type: string, destination: string, options: string[], source = type): OciMount {
  return { destination, type, source, options };
}

function kernelMounts({ body, ownIds, shm, sys: given, writableCgroups }: KernelMounts): OciMount[] {
  const access = hostConfig(body).Privileged ? "rw" : "ro";
  // sysfs can be mounted only by who owns the network namespace, as a pod's user namespace does.
  const { NetworkMode } = hostConfig(body);
  const foreignNetwork =
    sharesHostNetwork(body) || (isJoined(NetworkMode) && podOf(NetworkMode) === undefined);
  const bound = given ?? (ownIds && foreignNetwork ? "/sys" : undefined);
  const sys =
    bound !== undefined
      ? kernelMount("bind", "/sys", ["rbind", ...quiet, access], bound)
      : kernelMount("sysfs", "/sys", [...quiet, access]);
  return [
    kernelMount("proc", "/proc", quiet),
    kernelMount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    kernelMount("devpts", "/dev/pts", [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ]),
    sys,
    kernelMount("cgroup", "/sys/fs/cgroup", [...quiet, "relatime", writableCgroups ? "rw" : access]),
    ...ipcMounts(body, shm),
  ];
}

const defaultShm = 64 << 20;

/** /dev/mqueue and /dev/shm are of the IPC namespace's users, whoever these are. */
function ipcMounts(body: CreateBody, shm: string | undefined): OciMount[] {
  const { IpcMode = "" } = hostConfig(body);
  const bound = (path: string, source = path) => kernelMount("bind", path, ["rbind", ...quiet], source);
  // The file system shows the queues of whose namespace it is mounted in, the host's too.
  const queue = kernelMount("mqueue", "/dev/mqueue", quiet);
  // With the flags that the host gave it.
  if (IpcMode === "host") return [queue, kernelMount("bind", "/dev/shm", ["rbind"], "/dev/shm")];
  if (IpcMode === "none") return [queue];
  return [queue, shm === undefined ? ownShm(body) : bound("/dev/shm", shm)];
}

function ownShm(body: CreateBody): OciMount {
  return kernelMount("tmpfs", "/dev/shm", [...quiet, ...shmOptions(body)], "shm");
}

/** Of the tmpfs at /dev/shm. */
export function shmOptions(body: CreateBody): string[] {
  return ["mode=1777", `size=${Math.ceil((hostConfig(body).ShmSize || defaultShm) / 1024)}k`];
}
