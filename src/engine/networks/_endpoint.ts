/** An endpoint as messages to the kernel: a pair of devices, addresses, limits, and the default routes of a sandbox. Pure. */
import type { EndpointSettings } from "../../spec/docker/create.ts";
import { errno } from "../../kernel/errno.ts";
import { addressIndexOffset, newAddress, setRoute } from "../../kernel/netlink-address.ts";
import { deleteLink, setPort, linkIndexOffset, newVeth, setLinkUp } from "../../kernel/netlink-link.ts";
import { limitRate, queueIndexOffset } from "../../kernel/netlink-queue.ts";
import { bytesOf, parseAddress } from "./_addresses.ts";
import { gatewayOf, mtuOf, option, poolOf, truth } from "./_config.ts";
import type { Step } from "./door.ts";
import { egressRate, ingressRate, parseRate } from "./_rate.ts";
import type { EndpointRow, NetworkRow } from "./_rows.ts";

/** The end on the host: at most 15 characters. */
export const vethName = (endpoint: string): string => `sv${endpoint.slice(0, 12)}`;
export const isVethName = (name: string): boolean => /^sv[0-9a-f]{12}$/.test(name);

export interface Joint {
  readonly network: NetworkRow;
  readonly endpoint: EndpointRow;
}

/** In a new namespace, before anything: no device gets an IPv6 address that nobody asked for (CVE-2024-32473), or listens to routers. */
export const namespaceSteps: readonly Step[] = [
  { sysctl: "net/ipv6/conf/default/disable_ipv6", value: "1" },
  { sysctl: "net/ipv6/conf/default/accept_ra", value: "0" },
  { sysctl: "net/ipv6/conf/default/accept_dad", value: "0" },
  // As Docker has them. Root of a user namespace could not set them itself: the namespace belongs to the host's users.
  { sysctl: "net/ipv4/ip_unprivileged_port_start", value: "0" },
  { sysctl: "net/ipv4/ping_group_range", value: "0 2147483647" },
];

/** A container may come back to itself over its own published port, or over a service that it is behind; where the kernel filters what is bridged, that leaves by the port that it came in by. */
export function endpointSteps({ network, endpoint }: Joint, bridge: number): Step[] {
  const isolated = !truth(network, option.icc, true);
  const device = String(endpoint.device);
  const name = vethName(endpoint.id);
  const why = `device "${device}" in network "${network.name}"`;
  const pair = newVeth({
    name,
    master: bridge,
    peer: device,
    mac: String(endpoint.mac),
    mtu: mtuOf(network),
  });
  return [
    { host: { message: pair.message, namespaceAt: pair.fdAt, why } },
    {
      host: {
        message: setPort(0, { isolated, hairpin: !isolated }),
        device: name,
        indexAt: linkIndexOffset,
        why,
      },
    },
    ...(endpoint.ipv6 === null ? [] : [{ sysctl: `net/ipv6/conf/${device}/disable_ipv6`, value: "0" }]),
    ...limitSteps(endpoint.asked, { device, name, why }),
    { inside: { message: setLinkUp(0), device, indexAt: linkIndexOffset, why } },
    ...([4, 6] as const).flatMap((family) => {
      const text = family === 4 ? endpoint.ipv4 : endpoint.ipv6;
      const pool = poolOf(network, family);
      if (text === null || !pool) return [];
      const message = newAddress(0, bytesOf(parseAddress(text)), pool.subnet.length);
      return [{ inside: { message, device, indexAt: addressIndexOffset, why: `address ${text} of ${why}` } }];
    }),
  ];
}

/** What a container sends is held back on its own device, what it gets on the end at the bridge. */
function limitSteps(
  asked: EndpointSettings,
  { device, name, why }: { device: string; name: string; why: string },
): Step[] {
  const egress = asked.DriverOpts?.[egressRate];
  const ingress = asked.DriverOpts?.[ingressRate];
  const limit = (key: string, rate: string) => ({
    message: limitRate(0, parseRate(key, rate)),
    indexAt: queueIndexOffset,
    why: `${key} of ${why}`,
  });
  return [
    ...(egress ? [{ inside: { ...limit(egressRate, egress), device } }] : []),
    ...(ingress ? [{ host: { ...limit(ingressRate, ingress), device: name } }] : []),
  ];
}

/** Takes the pair away; what is gone already is no failure. */
export function removeSteps(endpoint: Pick<EndpointRow, "id">): Step[] {
  const device = vethName(endpoint.id);
  const message = deleteLink(0);
  return [
    {
      host: {
        message,
        device,
        indexAt: linkIndexOffset,
        tolerate: [errno.ENODEV],
        why: `device "${device}"`,
      },
    },
  ];
}

/** The endpoint by which a container reaches everything else: the highest priority, then the first by the network's name. */
export function gatewayJoint(joints: readonly Joint[], family: 4 | 6): Joint | undefined {
  const usable = joints.filter(
    ({ network, endpoint }) =>
      !network.internal &&
      gatewayOf(network, family) !== undefined &&
      (family === 4 ? endpoint.ipv4 : endpoint.ipv6) !== null,
  );
  const priority = ({ endpoint }: Joint) => endpoint.asked.GwPriority ?? 0;
  return usable.toSorted(
    (a, b) => priority(b) - priority(a) || (a.network.name < b.network.name ? -1 : 1),
  )[0];
}

/** The default routes of a sandbox with these endpoints; the same again changes nothing. */
export function routeSteps(joints: readonly Joint[]): Step[] {
  return ([4, 6] as const).flatMap((family) => {
    const chosen = gatewayJoint(joints, family);
    const gateway = chosen && gatewayOf(chosen.network, family);
    if (gateway === undefined) return [];
    const message = setRoute({ gateway: bytesOf(parseAddress(gateway)) });
    return [{ inside: { message, why: `the default route by ${gateway}` } }];
  });
}
