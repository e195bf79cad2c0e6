/** Writes a container's bundle when its root file system is mounted: config.json, the files that are bound into it, and its volumes. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname as ownHostname } from "node:os";
import { dirname, join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { processStart } from "../../kernel/process.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import type { OciDevice } from "../../spec/oci/config.ts";
import { copyTree, mapped } from "../snapshots/copy-tree.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import { hostConfig, sharesHostNetwork, type StoredContainer } from "./request.ts";
import { openInside, readInside } from "./root-files.ts";
import { containerSpec, type HostFacts } from "./spec.ts";
import { resolveUser } from "./user.ts";
import type { VolumeMount } from "./volumes.ts";

export interface BundleInput {
  readonly root: string;
  readonly id: string;
  readonly folder: string;
  /** Where its root file system is mounted. */
  readonly rootfs: string;
  readonly stored: StoredContainer;
}

export async function writeBundle({ root, id, folder, rootfs, stored }: BundleInput): Promise<void> {
  const { body, image } = stored;
  const text = body.User || image.User || "";
  const user = resolveUser(text, readInside(rootfs, "etc/passwd"), readInside(rootfs, "etc/group"));
  const hostname = hostnameOf(id, body);
  const sourceOf = (volume: VolumeMount) =>
    volume.kind === "bind" ? volume.source : join(root, "volumes", volume.source, "_data");
  for (const volume of stored.volumes)
    if (volume.kind === "bind") makeMissing(volume.source);
    else await makeVolume(join(root, "volumes"), { volume, rootfs, remap: stored.remap });
  const files = writeFiles(folder, body, hostname);
  const host = hostFacts(body);
  const spec = containerSpec({ id, rootfs, stored, user, host, hostname, files, sourceOf });
  writeFileSync(join(folder, "config.json"), JSON.stringify(spec), { mode: 0o600 });
}

export function hostnameOf(id: string, body: CreateBody): string {
  return body.Hostname || (sharesHostNetwork(body) ? ownHostname() : id.slice(0, 12));
}

/** As docker does: a place of the host that is not there becomes a folder; a file is bound as it is. */
function makeMissing(path: string): void {
  if (existsSync(path)) return;
  const first = mkdirSync(path, { recursive: true });
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
    chmodSync(made, 0o755);
}

/** By place in the container. */
function writeFiles(folder: string, body: CreateBody, hostname: string): Record<string, string> {
  const local = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  const own = sharesHostNetwork(body) ? ownFile("/etc/hosts") : `${local}127.0.1.1\t${hostname}\n`;
  const texts = { hosts: own, hostname: `${hostname}\n`, "resolv.conf": ownFile("/etc/resolv.conf") };
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o644 });
      // The caller's umask is not the container's users'.
      chmodSync(path, 0o644);
      return [`/etc/${name}`, path];
    }),
  );
}

function ownFile(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Who fills a volume: its process id and start. Once that process is gone, nobody does. */
function halfMadeBy(): string {
  return `${process.pid}-${processStart(process.pid)}`;
}

export function isAbandoned(name: string): boolean {
  const [, pid, start] = /^\.new-(\d+)-(\d+)-/.exec(name) ?? [];
  return pid !== undefined && processStart(Number(pid)) !== start;
}

interface NewVolume {
  readonly volume: VolumeMount;
  readonly rootfs: string;
  readonly remap: Remap | undefined;
}

/** A new volume begins with what the image has in its place. It appears whole, by a rename; a crash leaves `.new-…`. */
async function makeVolume(volumes: string, { volume, rootfs, remap }: NewVolume): Promise<void> {
  const path = join(volumes, volume.source);
  if (lstatSync(path, { throwIfNoEntry: false })) return;
  mkdirSync(volumes, { recursive: true, mode: 0o700 });
  const fresh = mkdtempSync(join(volumes, `.new-${halfMadeBy()}-`));
  const data = join(fresh, "_data");
  try {
    mkdirSync(data);
    chmodSync(data, 0o755);
    if (remap) chownSync(data, mapped(remap.uids, 0), mapped(remap.gids, 0));
    await fill(data, rootfs, volume.destination);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Unless another container has made it meanwhile.
    if (!lstatSync(path, { throwIfNoEntry: false }))
      throw SampanError.wrap(`cannot make volume "${volume.source}"`, error);
  }
}

async function fill(data: string, rootfs: string, destination: string): Promise<void> {
  const fd = openInside(rootfs, destination);
  if (fd === undefined) return;
  try {
    if (fstatSync(fd).isDirectory()) await copyTree(`/proc/self/fd/${fd}/.`, data);
  } finally {
    closeSync(fd);
  }
}

function hostFacts(body: CreateBody): HostFacts {
  const unifiedCgroups = existsSync("/sys/fs/cgroup/cgroup.controllers");
  return {
    unifiedCgroups,
    swapLimit: unifiedCgroups || existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
    bounding: boundingSet(),
    devices: hostConfig(body).Privileged ? devicesBelow("/dev") : [],
  };
}

function boundingSet(): bigint {
  const digits = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return BigInt(`0x${digits ?? "0"}`);
}

/** What a container has of its own, or what is a terminal of somebody. */
const ownNodes = new Set(["console", "fd", "mqueue", "ptmx", "pts", "shm", "stderr", "stdin", "stdout"]);

function devicesBelow(folder: string): OciDevice[] {
  return readdirSync(folder).flatMap((name): OciDevice[] => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat || ownNodes.has(name)) return [];
    if (stat.isDirectory()) return devicesBelow(path);
    if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return [];
    const number = BigInt(stat.rdev);
    return [
      {
        path,
        type: stat.isBlockDevice() ? "b" : "c",
        major: Number((number >> 8n) & 0xfffn),
        minor: Number((number & 0xffn) | ((number >> 12n) & 0xfff00n)),
        fileMode: stat.mode & 0o777,
        uid: stat.uid,
        gid: stat.gid,
      },
    ];
  });
}
