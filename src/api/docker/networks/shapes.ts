/** The engine's networks in the shapes of Docker's API. */
import type { LiveEngine } from "../../../engine/engine.ts";
import type { NetworkInfo } from "../../../engine/networks/networks.ts";
import type { NetworkInspect, NetworkMember } from "../../../spec/docker/networks.ts";
import { goTime } from "../time.ts";

/** `members`: who is in it; a list does not say. */
export function networkOf(
  info: NetworkInfo,
  version: number,
  inside: Readonly<Record<string, NetworkMember>> = {},
): NetworkInspect {
  return {
    Name: info.name,
    Id: info.id,
    Created: goTime(info.created),
    Scope: "local",
    Driver: info.driver,
    ...(version >= 48 ? { EnableIPv4: info.ipv4 } : {}),
    EnableIPv6: info.ipv6,
    IPAM: { Driver: "default", Options: null, Config: info.ipam.map(poolOf) },
    Internal: info.internal,
    Attachable: info.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: inside,
    Options: info.options,
    Labels: info.labels,
  };
}

function poolOf({ subnet, range, gateway, reserved }: NetworkInfo["ipam"][number]) {
  return {
    Subnet: subnet,
    ...(range ? { IPRange: range } : {}),
    ...(gateway ? { Gateway: gateway } : {}),
    ...(reserved && Object.keys(reserved).length > 0 ? { AuxiliaryAddresses: reserved } : {}),
  };
}

/** Those that run. */
export function membersOf(
  { containers }: Pick<LiveEngine, "containers">,
  { endpoints }: NetworkInfo,
): Record<string, NetworkMember> {
  const running = new Map(
    containers.list().flatMap(({ id, name, state }) => {
      const runs: boolean = state !== "created" && state !== "exited" && (state as string) !== "dead";
      return runs ? [[id, name] as const] : [];
    }),
  );
  return Object.fromEntries(
    Object.entries(endpoints).flatMap(([id, { id: EndpointID, mac, ipv4, ipv6 }]) => {
      const Name = running.get(id);
      if (Name === undefined) return [];
      const member: NetworkMember = {
        Name,
        EndpointID,
        MacAddress: mac,
        IPv4Address: ipv4 ?? "",
        IPv6Address: ipv6 ?? "",
      };
      return [[id, member]];
    }),
  );
}
