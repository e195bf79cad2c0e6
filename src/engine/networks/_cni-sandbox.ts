/** A sandbox whose network is made by CNI's plug-ins: the namespace is ours, and what is in it is theirs. */
import { isIPv4 } from "node:net";
import type { CniAttachment, CniRequest } from "./cni/cni.ts";
import { portMappings } from "./cni/capabilities.ts";
import type { Step } from "./door.ts";
import type { Endpoint, PublishedPorts, SandboxOwner } from "./networks.ts";
import { sandboxPath, type Parts } from "./_parts.ts";
import { brief, type PortsMade } from "./_rows.ts";

/** Their devices are for them to set up: plug-ins expect the kernel's own defaults, and turn IPv6 on and off themselves. */
const steps: readonly Step[] = [
  { sysctl: "net/ipv4/ip_unprivileged_port_start", value: "0" },
  { sysctl: "net/ipv4/ping_group_range", value: "0 2147483647" },
];

export interface CniSandbox {
  readonly owner: SandboxOwner;
  readonly cni: CniRequest;
  readonly published: PublishedPorts;
  /** There was one before under this id, whose namespace has gone. */
  readonly again: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Row, namespace, ADD, after what may be left of another one. What a failed one leaves is the caller's to take away. */
export async function buildByCni(
  parts: Parts,
  { owner, cni: request, published, again, signal }: CniSandbox,
): Promise<void> {
  const { rows, cni, door } = parts;
  const { id } = owner;
  const path = sandboxPath(parts, id);
  const ports = portMappings(published.bindings);
  const row = { container: id, path, ports: {}, dns: [] };
  await cni.detach(id, undefined);
  rows.transaction(() => rows.addSandbox(row), brief);
  await door.make(path, steps, owner.user);
  const { mapsPorts } = await cni.attach({ id, path, request, ports, again }, signal);
  if (mapsPorts) rows.transaction(() => rows.addSandbox({ ...row, ports: madeOf(ports) }), brief);
}

function madeOf(ports: ReturnType<typeof portMappings>): PortsMade {
  const made: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIP, hostPort, containerPort, protocol } of ports)
    (made[`${containerPort}/${protocol}`] ??= []).push({
      HostIp: hostIP ?? "0.0.0.0",
      HostPort: String(hostPort),
    });
  return made;
}

/** As of one of our networks, of which this one is none: its id and its network's are the names that there are. */
export function cniEndpoint(container: string, attachment: CniAttachment): Endpoint {
  const { network, device, mac, addresses } = attachment;
  const isFour = ({ address }: CniAttachment["addresses"][number]) => isIPv4(address.replace(/\/.*$/, ""));
  const four = addresses.find(isFour);
  const six = addresses.find((each) => !isFour(each));
  return {
    id: container,
    network,
    container,
    mac,
    device,
    names: [],
    aliases: [],
    asked: {},
    ...(four && { ipv4: four.address }),
    ...(four?.gateway !== undefined && { gateway: four.gateway }),
    ...(six && { ipv6: six.address }),
    ...(six?.gateway !== undefined && { gateway6: six.gateway }),
  };
}
