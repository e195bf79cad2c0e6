/** Brings what a sandbox is made of to the host, and takes it away. Each is idempotent, so that both are also how one is healed. */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { MS } from "../../kernel/linux.ts";
import { bootId } from "../../kernel/process.ts";
import { mount, unmount } from "../../kernel/mounts.ts";
import type { LifeParts } from "../containers/parts.ts";
import { letThrough } from "../containers/rootfs.ts";
import { writeEtcFiles } from "../containers/etc.ts";
import { addressesOf } from "../containers/live-bundle.ts";
import { hostFacts } from "../containers/spec/host.ts";
import { limits } from "../containers/spec/resources.ts";
import type { CniRequest } from "../networks/cni/cni.ts";
import type { Sandbox } from "../networks/networks.ts";
import { etcBody, podSysctls } from "./check.ts";
import type { PodDoor } from "./door.ts";
import { startInit, stopInit } from "./init.ts";
import { cni, isMounted, pinnedOf, placesOf, podRows, sharesHost, type PodRow } from "./places.ts";
import type { PodSandboxRequest } from "./pods.ts";

export type PodParts = Omit<LifeParts, "tasks"> & Pick<LifeParts, "tasks"> & { readonly door: PodDoor };

/** Errors: those of networks, of limits, of the kernel. What was made by a failed one is taken away by `unmakePod`. */
export async function makePod(engine: PodParts, row: PodRow, signal?: AbortSignal): Promise<void> {
  const { id, request } = row;
  const { folder } = placesOf(engine.settings, id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await makeUser(engine, row);
  const sandbox = await openAll(engine, row, signal);
  if (request.cgroupParent !== undefined) {
    engine.door.makeCgroup(
      request.cgroupParent,
      limits((!request.foreignCgroup && request.resources) || {}, hostFacts({ privileged: false })),
    );
    shareAbove(engine, row);
  }
  writeEtc(engine, row, sandbox);
  if (request.sharePid) await startInit(engine, row, signal);
  const { generation } = placesOf(engine.settings, id);
  writeFileSync(generation, `${bootId()} ${randomBytes(8).toString("hex")}`, { mode: 0o600 });
}

/** Before all that it is to own. Its root must get to what lies in the pod's folder (containers/rootfs.ts). */
async function makeUser({ door, settings }: PodParts, { id, request: { userns } }: PodRow): Promise<void> {
  if (!userns) return;
  const { user, folder } = placesOf(settings, id);
  letThrough(settings, folder, userns);
  if (!isMounted(user)) await door.makeUserNamespace(user, userns);
}

/** Its network and its other namespaces, side by side: plug-ins take their time. Parameters of the network are set when it is there. */
async function openAll(
  engine: PodParts,
  row: PodRow,
  signal: AbortSignal | undefined,
): Promise<Sandbox | undefined> {
  const waits = Object.keys(podSysctls(row.request)).some(isOfNetwork);
  const [opened, made] = await Promise.allSettled([
    openNetwork(engine, row, signal),
    waits ? undefined : makeNamespaces(engine, row, undefined),
  ]);
  // Neither is at work any more: what is taken away now stays away.
  for (const each of [opened, made]) if (each.status === "rejected") throw each.reason;
  signal?.throwIfAborted();
  const sandbox = opened.status === "fulfilled" ? opened.value : undefined;
  if (waits) await makeNamespaces(engine, row, sandbox);
  return sandbox;
}

async function openNetwork(
  { networks, settings }: PodParts,
  { id, request }: PodRow,
  signal: AbortSignal | undefined,
): Promise<Sandbox | undefined> {
  if (sharesHost(request)) return undefined;
  const { name, hostname, network = "bridge", ports = {}, dns } = request;
  const owner = {
    id,
    name,
    hostname,
    ...(dns && dns.servers.length > 0 && { dns: dns.servers }),
    ...(request.userns && { user: placesOf(settings, id).user }),
  };
  const published = { bindings: ports, all: [] };
  if (network === cni) return await networks.open({ ...owner, cni: cniRequest(request) }, published, signal);
  if (network !== "none") await connectOnce(networks, network, owner);
  return await networks.open(owner, published);
}

function cniRequest(request: PodSandboxRequest): CniRequest {
  const { namespace, name, uid, annotations, dns, cgroupParent } = request;
  return {
    namespace,
    name,
    uid,
    ...(annotations && { annotations }),
    ...(dns && { dns }),
    ...(cgroupParent !== undefined && { cgroupParent }),
  };
}

async function connectOnce(
  networks: PodParts["networks"],
  network: string,
  owner: Parameters<PodParts["networks"]["connect"]>[1],
): Promise<void> {
  try {
    await networks.connect(network, owner, {});
  } catch (error) {
    if (SampanError.from(error).code !== "already_exists") throw error;
  }
}

async function makeNamespaces(engine: PodParts, { id, request }: PodRow, sandbox: Sandbox | undefined) {
  const places = placesOf(engine.settings, id);
  const missing = new Set(pinnedOf(request).filter((each) => !isMounted(places[each])));
  const isNew = missing.has("ipc") || missing.has("uts");
  if (isNew || sandbox)
    await engine.door.makeNamespaces({
      ...(missing.has("ipc") && { ipc: places.ipc }),
      ...(missing.has("uts") && { uts: { path: places.uts, hostname: request.hostname } }),
      ...(sandbox && { network: sandbox.path }),
      ...(request.userns && { user: places.user }),
      sysctls: settable(podSysctls(request), missing.has("ipc")),
    });
  if (request.hostIpc || isMounted(places.shm)) return;
  mkdirSync(places.shm, { recursive: true, mode: 0o700 });
  const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
  mount({ type: "tmpfs", source: "shm", target: places.shm, flags, data: "mode=1777,size=65536k" });
}

const isOfNetwork = (name: string) => /^net[./]/.test(name);

/** Parameters of IPC can be set only as the namespace is made: nobody else enters it. */
function settable(all: Readonly<Record<string, string>>, newIpc: boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => newIpc || isOfNetwork(name)));
}

function writeEtc(
  { settings, networks }: PodParts,
  { id, request }: PodRow,
  sandbox: Sandbox | undefined,
): void {
  const { dns, dnsSearch, dnsOptions } = settings.network;
  const told = networks.cni.attachment(id)?.dns;
  const either = (first: readonly string[] | undefined, other: readonly string[]) =>
    first && first.length > 0 ? first : other;
  writeEtcFiles(placesOf(settings, id).folder, {
    body: etcBody(request),
    hostname: request.hostname,
    defaults: {
      dns: either(told?.servers, dns),
      search: either(told?.searches, dnsSearch),
      options: either(told?.options, dnsOptions),
    },
    ...(sandbox && { ...addressesOf(sandbox), nameservers: sandbox.nameservers }),
  });
}

/** What pods that asked for nothing have, and the most that the kernel takes. */
const [leastShares, mostShares] = [2, 262_144] as const;

/** The cgroup above those of pods weighs as much as its pods have asked for together; those of one class would otherwise weigh as one pod. */
export function shareAbove({ door, store }: PodParts, row: PodRow, { gone = false } = {}): void {
  const above = aboveOf(row);
  if (above === undefined) return;
  const others = podRows(store).filter(
    (each) => each.wanted && each.id !== row.id && aboveOf(each) === above,
  );
  const inside = gone ? others : [row, ...others];
  if (inside.length === 0) return;
  const asked = inside
    .map(({ request }) => request.resources?.CpuShares ?? leastShares)
    .reduce((sum, shares) => sum + (shares > leastShares ? shares : 0), 0);
  const shares = Math.min(Math.max(asked, leastShares), mostShares);
  door.makeCgroup(above, { cpu: { shares } });
}

/** `/sampan/burstable`; undefined for what is not ours, and for those that stand in no class. */
function aboveOf({ request: { cgroupParent = "" } }: PodRow): string | undefined {
  const parts = cgroupParent.split("/");
  return parts[1] === "sampan" && parts.length === 4 ? parts.slice(0, -1).join("/") : undefined;
}

/** Those that are ours alone, the innermost first: of others who make cgroups for pods nothing is taken away. */
function foldersAbove(path: string): string[] {
  const parts = path.split("/");
  if (parts[1] !== "sampan") return [];
  return parts
    .slice(2)
    .map((_, at) => parts.slice(0, at + 2).join("/"))
    .toReversed();
}

/** Every step is tried. Errors: the first. */
export async function unmakePod(engine: PodParts, row: PodRow): Promise<void> {
  const { id, request } = row;
  const places = placesOf(engine.settings, id);
  const failures: unknown[] = [];
  // Plug-ins take their time: the rest is done meanwhile.
  const network = Promise.try(() => engine.networks.close(id));
  network.catch(() => undefined);
  const steps: readonly (() => unknown)[] = [
    () => (request.sharePid ? stopInit(engine, id) : undefined),
    () => [places.ipc, places.uts, places.pid, places.shm, places.user].forEach((path) => unpin(path)),
    () =>
      request.cgroupParent === undefined || request.foreignCgroup
        ? undefined
        : engine.door.removeCgroup(request.cgroupParent, foldersAbove(request.cgroupParent)),
    () => shareAbove(engine, row, { gone: true }),
    () => network,
    () => rmSync(places.folder, { recursive: true, force: true }),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw SampanError.wrap(`cannot take pod sandbox "${id}" away`, failures[0]);
}

function unpin(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  unmount(path);
}
