/** Writes the bundle of a container that is to start, with what the engine's other parts know of it: networks, volumes, containers whose namespaces it joins. */
import { existsSync, mkdirSync } from "node:fs";
import { SampanError, invalid } from "../../base/errors.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { Endpoint, Sandbox } from "../networks/networks.ts";
import { hostnameOf, writeBundle, type LiveInput } from "./bundle.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import type { EtcInput } from "./etc.ts";
import { linked } from "./links.ts";
import { mountImage } from "./mount-image.ts";
import { isLive, type LifeParts } from "./parts.ts";
import { shmOf } from "./places.ts";
import { joinedModes, userNamespaceOf } from "./pod.ts";
import { hostConfig, type StoredContainer } from "./request.ts";
import { placeOf, sysOf } from "./rootfs.ts";
import type { LiveNetwork } from "./sandbox.ts";
import { otherContainer, podOf } from "./spec/namespaces.ts";

export interface LiveBundle {
  readonly info: ContainerInfo;
  readonly stored: StoredContainer;
  readonly rootfs: string;
  readonly network: LiveNetwork;
  readonly signal?: AbortSignal;
}

export async function writeLiveBundle(
  engine: LifeParts,
  { info, stored, rootfs, network, signal }: LiveBundle,
): Promise<void> {
  const { root } = engine.store;
  const ipc = joinedContainer(engine, info, "IpcMode");
  const pid = joinedContainer(engine, info, "PidMode");
  const podShm = podOf(hostConfig(info.body).IpcMode) === undefined ? undefined : network.pod?.places.shm;
  const shm = ipc ? shmOf(placeOf(engine, ipc.id)) : podShm;
  const links = linked(engine, info);
  const ownSandbox = network.sandbox !== undefined && network.of === undefined;
  const sys = stored.remap && ownSandbox ? await mountSys(engine, info.id) : undefined;
  const live: LiveInput = {
    joined: {
      ...(network.path !== undefined && { network: network.path }),
      ...(ipc && { ipc: `/proc/${ipc.pid}/ns/ipc` }),
      ...(pid && { pid: `/proc/${pid.pid}/ns/pid` }),
      ...(network.pod && joinedModes(network.pod, hostConfig(info.body))),
    },
    ...(shm !== undefined && existsSync(shm) && { shm }),
    ...(sys !== undefined && { sys }),
    network: { ...etcOf(engine, network), links: links.hosts },
    links: links.environment,
    ...(network.pod && { hostname: network.pod.hostname }),
    ...(network.of && { hostname: hostnameOf(network.of.id, network.of.body) }),
    ...(hostConfig(info.body).Init && { init: await engine.runtimes.init() }),
    ...(engine.unpacker.command && { helper: engine.unpacker.command }),
    volumeFolder: (name) => engine.volumes.acquire(name, info.id, signal),
    imageFolder: (image) =>
      mountImage(
        engine,
        {
          container: info.id,
          place: placeOf(engine, info.id),
          remap: stored.remap,
          userNamespace: userNamespaceOf(network.pod),
        },
        image,
      ),
  };
  await writeBundle({ id: info.id, folder: containerFolder(root, info.id), rootfs, stored, live });
}

/** The network's namespace belongs to the host's users, so root of a user namespace may not mount its sysfs. */
async function mountSys(engine: LifeParts, id: string): Promise<string> {
  const target = sysOf(placeOf(engine, id));
  unmount(target);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  await engine.networks.mountSysfs(id, target);
  return target;
}

/** Errors: `failed_precondition` when it does not run. */
function joinedContainer(
  engine: LifeParts,
  info: ContainerInfo,
  field: "IpcMode" | "PidMode",
): ContainerInfo | undefined {
  const reference = otherContainer(hostConfig(info.body)[field]);
  if (reference === undefined) return undefined;
  const other = engine.containers.get(reference);
  if (other.id === info.id)
    throw invalid(`it cannot join its own ${field === "IpcMode" ? "IPC" : "PID"} namespace`);
  if (!isLive(other) || other.pid === undefined)
    throw new SampanError(
      "failed_precondition",
      `cannot join namespace of a non running container: container ${other.id} is ${other.state}`,
    );
  return other;
}

/** What its network says for /etc/hosts and /etc/resolv.conf. */
export function etcOf({ settings, store }: LifeParts, { sandbox, of, pod }: LiveNetwork): EtcInput {
  const { dns, dnsSearch, dnsOptions } = settings.network;
  const defaults = { dns, search: dnsSearch, options: dnsOptions };
  if (pod) return { sharedFolder: pod.places.folder, defaults };
  if (of) return { sharedFolder: containerFolder(store.root, of.id), defaults };
  if (!sandbox) return { defaults };
  return { ...addressesOf(sandbox), nameservers: sandbox.nameservers, defaults };
}

export function addressesOf({ endpoints }: Sandbox): EtcInput {
  const addresses = endpoints
    .flatMap(({ ipv4, ipv6 }: Endpoint) => [ipv4, ipv6])
    .filter((each) => each !== undefined);
  const gateway = endpoints.find((each) => each.gateway !== undefined)?.gateway;
  return { addresses, ...(gateway !== undefined && { gateway }) };
}
