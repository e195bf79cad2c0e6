/** What is reported of a device, in the API: in the Device's own status, where users of all releases look, and in the DeviceStatus of its name, where the API has that kind (1.23). */
import { isRecord } from "../../link/json.ts";
import type { DeviceTwin } from "../../link/kinds/devices.ts";
import { KubeError, type KubeObject, type ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { CloudContext } from "../part.ts";
import type { StatusPlaces } from "../status/place.ts";
import { apiVersion, devices, statuses, statusOf } from "./kinds.ts";
import { applyChanges, type TwinChanges } from "./twins.ts";

/** What changed since the last write. */
export interface News {
  readonly changes: TwinChanges;
  readonly state?: DeviceState;
}

export interface DeviceState {
  readonly state: string;
  /** RFC 3339. */
  readonly lastOnlineTime: string;
}

export function twinsOf(object: KubeObject): readonly DeviceTwin[] {
  const { twins } = statusOf(object);
  return Array.isArray(twins)
    ? twins.filter((each): each is DeviceTwin => isRecord(each) && typeof each["propertyName"] === "string")
    : [];
}

/** The fields of the status that differ, or undefined when there is nothing new. */
function differing(object: KubeObject, { changes, state }: News): Record<string, unknown> | undefined {
  const [before, status] = [twinsOf(object), statusOf(object)];
  const after = applyChanges(before, changes);
  const fields = {
    ...(after === before ? {} : { twins: after }),
    ...(state && status["state"] !== state.state ? { state: state.state } : {}),
    ...(state && status["lastOnlineTime"] !== state.lastOnlineTime
      ? { lastOnlineTime: state.lastOnlineTime }
      : {}),
  };
  return Object.keys(fields).length === 0 ? undefined : fields;
}

const tries = 6;

/** Writes what is new. Whoever was quicker is read again. Nothing when the device is gone meanwhile. */
export async function writeNews(
  { client, informers }: Pick<CloudContext, "client" | "informers">,
  places: StatusPlaces,
  {
    device,
    news,
    signal,
  }: { readonly device: KubeObject; readonly news: News; readonly signal: AbortSignal },
): Promise<void> {
  async function into(resource: ResourceId, known: () => Promise<KubeObject | undefined>): Promise<void> {
    for (let left = tries; ; left--) {
      const object = await known();
      const fields = object && differing(object, news);
      if (!object || !fields) return;
      try {
        informers.of(resource).wrote(await places.patch(resource, object, fields, signal));
        return;
      } catch (error) {
        if (!isRetried(error) || left === 1) throw error;
        known = () => present(resource, device);
      }
    }
  }

  /** As the API has it now; undefined when it is another one, or gone. */
  async function present(resource: ResourceId, { metadata }: KubeObject): Promise<KubeObject | undefined> {
    try {
      const found = await client.get(
        resource,
        { namespace: metadata.namespace, name: metadata.name ?? "" },
        signal,
      );
      return resource !== devices || found.metadata.uid === metadata.uid ? found : undefined;
    } catch (error) {
      if (error instanceof KubeError && error.reason === "NotFound") return undefined;
      throw error;
    }
  }

  async function statusObject(): Promise<KubeObject | undefined> {
    const { namespace, name = "" } = device.metadata;
    return informers.of(statuses).store.get(namespace, name) ?? (await made());
  }

  /** Begins with what the Device already says. */
  async function made(): Promise<KubeObject | undefined> {
    const { namespace, name = "", uid = "" } = device.metadata;
    const owner = { apiVersion, kind: "Device", name, uid, controller: true, blockOwnerDeletion: true };
    const metadata = { name, ...(namespace ? { namespace } : {}), ownerReferences: [owner] };
    try {
      const begun = {
        apiVersion,
        kind: "DeviceStatus",
        metadata,
        spec: {},
        status: { twins: twinsOf(device) },
      };
      return await client.create(statuses, begun, { signal });
    } catch (error) {
      if (error instanceof KubeError && error.reason === "AlreadyExists")
        return await present(statuses, device);
      throw error;
    }
  }

  const isSplit = (await places.of(statuses, signal)) !== "none";
  await Promise.all([
    into(devices, () => Promise.resolve(device)),
    ...(isSplit ? [into(statuses, statusObject)] : []),
  ]);
}

function isRetried(error: unknown): boolean {
  return error instanceof KubeError && error.reason === "Conflict";
}
