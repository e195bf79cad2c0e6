/** Which devices a node has, as its DeviceTwin is told. */
import { deviceIdFor } from "../../link/device-id.ts";
import { message, type Envelope } from "../../link/envelope.ts";
import { membershipUpdate, type Member } from "../../link/kinds/membership.ts";
import type { TwinProperty } from "../../link/kinds/devices.ts";
import type { Twin } from "../../link/kinds/twin.ts";
import type { Traits } from "../../link/versions.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { source, statusOf } from "./kinds.ts";
import { twinsOf } from "./reported.ts";

type Identity = Pick<Traits, "deviceId">;

export function membersOf(devices: Iterable<KubeObject>, traits: Identity): Member[] {
  return [...devices].map(({ metadata: { namespace = "", name = "", labels } }) => ({
    id: deviceIdFor({ namespace, name }, traits),
    name,
    ...(labels?.["description"] ? { description: labels["description"] } : {}),
  }));
}

/** With what is known of them by this node: the versions by which it counts, and no values. */
export function versionsOf(devices: Iterable<KubeObject>, traits: Identity, node: string): Member[] {
  return [...devices].flatMap((device) => {
    const { state } = statusOf(device);
    const twin = Object.fromEntries(
      twinsOf(device).map(({ propertyName, reported, observedDesired }): [string, Twin] => [
        propertyName,
        {
          ...versionOf("actual_version", reported, node),
          ...versionOf("expected_version", observedDesired, node),
        },
      ]),
    );
    return membersOf([device], traits).map((member) => ({
      ...member,
      ...(typeof state === "string" && { state }),
      twin,
    }));
  });
}

/** What another node said is not known by this one's numbers. */
function versionOf(
  field: "actual_version" | "expected_version",
  told: TwinProperty | undefined,
  node: string,
): Partial<Twin> {
  const { version, node: by } = told?.metadata ?? {};
  return by === node && version !== undefined && /^\d{1,15}$/.test(version)
    ? { [field]: { cloud: 0, edge: Number(version) } }
    : {};
}

export interface MembershipChange {
  readonly added?: readonly KubeObject[];
  readonly removed?: readonly KubeObject[];
}

export function membershipMessage(
  { added, removed }: MembershipChange,
  traits: Identity,
  now: number,
): Envelope {
  const content = membershipUpdate.build({
    event_id: crypto.randomUUID(),
    timestamp: now,
    added_devices: added ? membersOf(added, traits) : null,
    removed_devices: removed ? membersOf(removed, traits) : null,
  });
  const route = { source, group: "twin", operation: "update", resource: "membership" };
  return message(route, content, { now });
}
