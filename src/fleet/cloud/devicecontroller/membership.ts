/** Which devices a node has, as its DeviceTwin is told. */
import { deviceIdFor } from "../../link/device-id.ts";
import { message, type Envelope } from "../../link/envelope.ts";
import { membershipUpdate, type Member } from "../../link/kinds/membership.ts";
import type { Traits } from "../../link/versions.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { source } from "./kinds.ts";

type Identity = Pick<Traits, "deviceId">;

export function membersOf(devices: Iterable<KubeObject>, traits: Identity): Member[] {
  return [...devices].map(({ metadata: { namespace = "", name = "", labels } }) => ({
    id: deviceIdFor({ namespace, name }, traits),
    name,
    ...(labels?.["description"] ? { description: labels["description"] } : {}),
  }));
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
