/** A container in a pod's sandbox: `pod:<id>` as its modes. Where the pod has the host's namespace, so has the container. */
import { invalid, SampanError } from "../../base/errors.ts";
import type { CreateBody, HostConfig } from "../../spec/docker/create.ts";
import {
  isMounted,
  pinnedOf,
  placesOf,
  podRow,
  sharesHost,
  type PinnedNamespace,
  type PodPlaces,
  type PodRow,
} from "../pods/places.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import type { Store } from "../store/store.ts";
import type { LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { podOf } from "./spec/namespaces.ts";

const fields = ["NetworkMode", "IpcMode", "UTSMode", "PidMode"] as const;

/** Errors: `invalid_argument` for a pod that is not there or was stopped, and for modes that name several. */
export function inPod(
  store: Store,
  body: CreateBody,
): {
  readonly pod?: string;
  readonly remap?: Remap;
  readonly body: CreateBody;
} {
  const host = hostConfig(body);
  const asked = fields.filter((field) => podOf(host[field]) !== undefined);
  const ids = new Set(asked.map((field) => podOf(host[field])));
  const [id] = ids;
  if (id === undefined) return { body };
  if (ids.size > 1) throw invalid("cannot create the container: its modes name several pods");
  const row = known(store, id);
  const modes = Object.fromEntries(asked.map((field) => [field, modeOf(row, field, host[field] ?? "")]));
  const { cgroupParent, runtime, userns } = row.request;
  if (userns && host.UsernsMode)
    throw invalid(
      `cannot use user namespace "${host.UsernsMode.slice(0, 150)}": the pod has one for all its containers`,
    );
  return {
    pod: id,
    ...(userns && { remap: userns }),
    body: {
      ...body,
      HostConfig: {
        ...host,
        ...modes,
        ...(!host.CgroupParent && cgroupParent !== undefined && { CgroupParent: cgroupParent }),
        ...(!host.Runtime && runtime !== undefined && { Runtime: runtime }),
      },
    },
  };
}

function known(store: Store, id: string): PodRow {
  try {
    const row = podRow(store, id);
    if (row.wanted) return row;
  } catch (error) {
    throw invalid(SampanError.from(error).message);
  }
  throw invalid(`cannot join pod sandbox "${id.slice(0, 100)}": it was stopped`);
}

function modeOf({ request }: PodRow, field: (typeof fields)[number], mode: string): string {
  if ((field === "NetworkMode" || field === "UTSMode") && sharesHost(request)) return "host";
  if (field === "IpcMode" && request.hostIpc) return "host";
  if (field !== "PidMode" || request.sharePid) return mode;
  if (request.hostPid) return "host";
  throw invalid(`cannot use PidMode "${mode}": the pod shares no PID namespace`);
}

export interface JoinedPod {
  readonly places: PodPlaces;
  readonly hostname: string;
  /** Its network's namespace; undefined: the host's. */
  readonly network: string | undefined;
  readonly pinned: ReadonlySet<PinnedNamespace>;
}

/** Undefined for one that is in no pod. Errors: `failed_precondition` for a sandbox that is not ready. */
export function joinedPod(engine: LifeParts, pod: string | undefined): JoinedPod | undefined {
  if (pod === undefined) return undefined;
  const { request, wanted } = podRow(engine.store, pod);
  const places = placesOf(engine.settings, pod);
  const network = sharesHost(request) ? undefined : engine.networks.sandbox(pod)?.path;
  const isThere =
    wanted &&
    pinnedOf(request).every((each) => isMounted(places[each])) &&
    (sharesHost(request) || (network !== undefined && isMounted(network)));
  if (isThere) return { places, hostname: request.hostname, network, pinned: new Set(pinnedOf(request)) };
  throw new SampanError("failed_precondition", `its pod's sandbox is not ready: ${pod}`);
}

/** Where it is mounted; undefined: the host's. */
export function userNamespaceOf(pod: JoinedPod | undefined): string | undefined {
  return pod?.pinned.has("user") ? pod.places.user : undefined;
}

/** The namespaces of it that the modes name, and its user namespace, which they all belong to. */
export function joinedModes({ places, network, pinned }: JoinedPod, host: HostConfig) {
  const joins = (field: (typeof fields)[number]) => podOf(host[field]) !== undefined;
  return {
    ...(joins("NetworkMode") && network !== undefined && { network }),
    ...(joins("IpcMode") && { ipc: places.ipc }),
    ...(joins("UTSMode") && { uts: places.uts }),
    ...(joins("PidMode") && { pid: places.pid }),
    ...(pinned.has("user") && { user: places.user }),
  };
}
