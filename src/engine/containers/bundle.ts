/** Writes a container's bundle when its root file system is mounted: config.json, the files that are bound into it, and its volumes. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname as ownHostname } from "node:os";
import { dirname, join } from "node:path";
import { SampanError, invalid } from "../../base/errors.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import { formatDocument } from "../../spec/oci/parse.ts";
import { fillVolume } from "./fill-volume.ts";
import { hostConfig, sharesHostNetwork, type StoredContainer } from "./request.ts";
import { answers, sourcesAnswer } from "./reachable.ts";
import { readInside } from "./root-files.ts";
import { checkPropagation } from "./propagation.ts";
import { makeShm, partOf, type Places } from "./places.ts";
import { containerSpec, mark } from "./spec.ts";
import { cdiEdits, readCdi, requestedDevices } from "./spec/cdi.ts";
import { hostFacts } from "./spec/host.ts";
import { writeEtcFiles, type EtcInput } from "./etc.ts";
import { otherContainer, type Joined } from "./spec/namespaces.ts";
import { resolveUser } from "./user.ts";
import type { VolumeMount } from "./volumes.ts";

export interface BundleInput {
  readonly id: string;
  readonly folder: string;
  /** Where its root file system is mounted; what else is mounted for it lies beside that. */
  readonly rootfs: string;
  readonly stored: StoredContainer;
  /** What only the engine's other parts know. */
  readonly live: LiveInput;
}

export interface LiveInput {
  /** Namespaces that are there already. */
  readonly joined?: Joined;
  /** Another container's tmpfs for /dev/shm: shmOf(). */
  readonly shm?: string;
  /** Its network's sysfs, mounted: sysOf(). */
  readonly sys?: string;
  readonly network?: EtcInput;
  /** Variables that tell of other containers. */
  readonly links?: readonly string[];
  /** Of the container whose network it shares. */
  readonly hostname?: string;
  /** Runtimes.init, for a container that wants one. */
  readonly init?: string;
  /** Volumes.acquire: the folder, with what its options mount on it. */
  readonly volumeFolder: (name: string) => Promise<string>;
  /** What helper processes are started with. */
  readonly helper?: readonly string[];
  /** Where an image's files are mounted, read-only. */
  readonly imageFolder: (reference: string) => Promise<string>;
}

export async function writeBundle(input: BundleInput): Promise<void> {
  const { id, folder, rootfs, stored, live } = input;
  const { body, image } = stored;
  const text = body.User || image.User || "";
  const user = resolveUser(text, readInside(rootfs, "etc/passwd"), readInside(rootfs, "etc/group"), {
    add: hostConfig(body).GroupAdd ?? [],
    ...(stored.extras?.supplementalGroupsPolicy && { policy: stored.extras.supplementalGroupsPolicy }),
  });
  const hostname = live.hostname ?? hostnameOf(id, body);
  await sourcesAnswer(body, live.helper);
  const host = hostFacts({ privileged: hostConfig(body).Privileged === true });
  const place = dirname(rootfs);
  const sources = await volumeSources({ folder, place, rootfs, stored }, live);
  const files = { ...writeEtcFiles(folder, { body, hostname, ...live.network }), [mark]: writeMark(folder) };
  checkShared(body, live);
  const shm = live.shm ?? (hostConfig(body).IpcMode === "shareable" ? makeShm(place, body) : undefined);
  const cdi = cdiOf(body, host);
  const spec = containerSpec({
    id,
    rootfs,
    stored,
    user,
    host,
    hostname,
    files,
    sourceOf: (volume) => sources.get(volume) ?? volume.source,
    ...(live.joined && { joined: live.joined }),
    ...(shm !== undefined && { shm }),
    ...(live.sys !== undefined && { sys: live.sys }),
    ...(live.init !== undefined && { init: live.init }),
    ...(live.links && { links: live.links }),
    ...(cdi && { cdi }),
  });
  writeFileSync(join(folder, "config.json"), formatDocument(spec), { mode: 0o600 });
}

/** An empty file: that it is there is all that it says. */
function writeMark(folder: string): string {
  const path = join(folder, "dockerenv");
  writeFileSync(path, "", { mode: 0o755 });
  return path;
}

/** The shared memory belongs to the queues: who joins one has the other. */
function checkShared(body: CreateBody, { shm }: LiveInput): void {
  const other = otherContainer(hostConfig(body).IpcMode);
  if (other === undefined || shm !== undefined) return;
  throw new SampanError(
    "failed_precondition",
    `cannot join the IPC namespace of container "${other}": it is not shareable, wanted one that was made with IpcMode "shareable"`,
  );
}

function cdiOf(body: CreateBody, host: Parameters<typeof cdiEdits>[2]) {
  const { DeviceRequests } = hostConfig(body);
  if (!DeviceRequests?.length) return undefined;
  const specs = readCdi();
  return cdiEdits(requestedDevices(DeviceRequests, specs), specs, host);
}

export function hostnameOf(id: string, body: CreateBody): string {
  const foreign = sharesHostNetwork(body) || hostConfig(body).UTSMode === "host";
  return body.Hostname || (foreign ? ownHostname() : id.slice(0, 12));
}

/** Where each of its mounts lies on the host, made where it is not there. */
async function volumeSources(places: Places, live: LiveInput): Promise<Map<VolumeMount, string>> {
  const sources = new Map<VolumeMount, string>();
  for (const volume of places.stored.volumes) {
    if (volume.kind === "tmpfs") continue;
    const source = await sourceOf(volume, places, live);
    const part = volume.subpath === undefined ? source : partOf(source, volume, places);
    if (volume.kind === "bind") checkPropagation(part, volume.propagation);
    sources.set(volume, part);
  }
  return sources;
}

async function sourceOf(volume: VolumeMount, places: Places, live: LiveInput): Promise<string> {
  if (volume.kind === "bind") {
    await answers(volume.source, live.helper);
    if (volume.create) makeMissing(volume.source);
    else if (!existsSync(volume.source))
      throw invalid(`cannot mount "${volume.source}": bind source path does not exist: ${volume.source}`);
    return volume.source;
  }
  if (volume.kind === "image") return await live.imageFolder(volume.source);
  const folder = await live.volumeFolder(volume.source);
  await fillVolume(folder, volume, places);
  return folder;
}

/** As docker does with -v: a place of the host that is not there becomes a folder; a file is bound as it is. */
function makeMissing(path: string): void {
  if (existsSync(path)) return;
  const first = mkdirSync(path, { recursive: true });
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
    chmodSync(made, 0o755);
}
