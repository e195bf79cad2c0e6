/** What the plan has to know of the network devices that it moves (linux.netDevices): loaded only when there are any. */
import { invalid, SampanError } from "../../base/errors.ts";
import { systemError } from "../../kernel/errno.ts";
import { closeFd } from "../../kernel/libc.ts";
import { addressToKeep, getAddresses, getLink, getLinks, linkIndex, linkName } from "../../kernel/netlink.ts";
import { isNoDevice, netlinkRequest, netlinkSocket } from "../../kernel/sockets.ts";
import type { OciNetDevice } from "../../spec/oci/config.ts";
import type { NetDeviceFacts } from "./plan/compile/context.ts";

type NetDevices = Readonly<Record<string, OciNetDevice>>;

/** linux.netDevices as the plan needs them. */
export interface PreparedDevices {
  /** The same, each with a name of its own in the place of a template. */
  readonly devices: Record<string, OciNetDevice>;
  readonly facts: Record<string, NetDeviceFacts>;
}

/**
 * Index and addresses of each device in the caller's network namespace, and its name in the container's. `joined` is the path of the container's
 * namespace when it is not new. Errors, each before anything is moved: `not_found` for a device that is not there, `already_exists` for a name
 * that is taken (a device that was moved and cannot be renamed would be lost with the namespace).
 */
export function prepareNetDevices(devices: NetDevices, joined?: string): PreparedDevices {
  const named = withNames(devices, joined === undefined ? namesOfNew : namesIn(joined));
  return { devices: named, facts: netDeviceFacts(named) };
}

/** Index and addresses of each device in the caller's network namespace. */
export function netDeviceFacts(devices: NetDevices): Record<string, NetDeviceFacts> {
  const socket = netlinkSocket();
  try {
    const addresses = dumped(socket, getAddresses());
    return Object.fromEntries(
      Object.keys(devices).map((name) => {
        const index = indexOf(socket, name);
        if (index === undefined)
          throw new SampanError(
            "not_found",
            `cannot use linux.netDevices.${name}: the host has no network device "${name}"`,
          );
        return [name, { index, addresses: addresses.flatMap((each) => addressToKeep(each, index) ?? []) }];
      }),
    );
  } finally {
    closeFd(socket);
  }
}

function dumped(socket: number, request: Uint8Array): readonly Uint8Array[] {
  const answers = netlinkRequest(socket, request);
  if (typeof answers === "number") throw systemError("ask the kernel for network devices", answers);
  return answers;
}

/** Undefined when there is no such device. */
function indexOf(socket: number, name: string): number | undefined {
  const answer = netlinkRequest(socket, getLink(name));
  if (typeof answer !== "number") return answer[0] && linkIndex(answer[0]);
  if (isNoDevice(answer)) return undefined;
  throw systemError(`ask the kernel for network device "${name}"`, answer);
}

/** What the kernel makes by itself in a new network namespace (net.core.fb_tunnels_only_for_init_net). */
const namesOfNew: ReadonlySet<string> = new Set([
  "lo",
  "tunl0",
  "gre0",
  "gretap0",
  "erspan0",
  "ip_vti0",
  "ip6_vti0",
  "sit0",
  "ip6tnl0",
  "ip6gre0",
]);

function namesIn(namespace: string): ReadonlySet<string> {
  const socket = netlinkSocket(namespace);
  try {
    return new Set(dumped(socket, getLinks()).map(linkName));
  } finally {
    closeFd(socket);
  }
}

/** A name with one `%d` becomes the first that is free, as the kernel would choose it, so that the device can be found again after the move. */
function withNames(devices: NetDevices, there: ReadonlySet<string>): Record<string, OciNetDevice> {
  if (devices["lo"]) throw invalid("cannot use linux.netDevices.lo: a loopback device cannot be moved");
  const taken = new Map([...there].map((name) => [name, "the network namespace"]));
  const entries = Object.entries(devices).map(([name, device]) => ({
    name,
    device,
    wanted: device.name || name,
  }));
  for (const { name, wanted } of entries.filter((each) => !each.wanted.includes("%"))) {
    const owner = taken.get(wanted);
    if (owner !== undefined)
      throw new SampanError(
        "already_exists",
        `cannot use linux.netDevices.${name}: ${owner} has a device "${wanted}" already`,
      );
    taken.set(wanted, `linux.netDevices.${name}`);
  }
  return Object.fromEntries(
    entries.map(({ name, device, wanted }) => {
      if (!wanted.includes("%")) return [name, device];
      const free = freeName(name, { template: wanted, taken });
      taken.set(free, `linux.netDevices.${name}`);
      return [name, { ...device, name: free }];
    }),
  );
}

function freeName(
  device: string,
  { template, taken }: { template: string; taken: ReadonlyMap<string, string> },
): string {
  if (!/^[^%]*%d[^%]*$/.test(template))
    throw invalid(
      `cannot use linux.netDevices.${device}.name "${template}": wanted a name, or one with a single %d`,
    );
  for (let number = 0; ; number++) {
    const name = template.replace("%d", String(number));
    if (name.length > 15)
      throw invalid(
        `cannot use linux.netDevices.${device}.name "${template}": "${name}" has more than 15 characters`,
      );
    if (!taken.has(name)) return name;
  }
}
