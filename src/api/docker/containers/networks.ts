/** A container's networks and ports in Docker's shapes. */
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { isJoined } from "../../../engine/containers/spec/namespaces.ts";
import type { Endpoint, NetworkInfo, Sandbox } from "../../../engine/networks/networks.ts";
import type { EndpointSettings } from "../../../spec/docker/create.ts";
import { exposedPorts, networkMode } from "./config.ts";

/** By network's name, for one container. */
export type Endpoints = ReadonlyMap<string, Endpoint>;

/** Of all containers, by id: one look at the networks for a whole list. */
export function endpointsByContainer(
  networks: readonly NetworkInfo[],
): ReadonlyMap<string, Map<string, Endpoint>> {
  const found = new Map<string, Map<string, Endpoint>>();
  for (const { name, endpoints } of networks)
    for (const [container, endpoint] of Object.entries(endpoints)) {
      const own = found.get(container) ?? new Map<string, Endpoint>();
      found.set(container, own.set(name, endpoint));
    }
  return found;
}

const unset: Required<
  Omit<EndpointSettings, "IPAMConfig" | "Links" | "Aliases" | "DriverOpts" | "DNSNames">
> = {
  MacAddress: "",
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
};

/** What was asked for, filled with what it is. */
function endpointSettings(
  asked: EndpointSettings | null | undefined,
  endpoint: Endpoint | undefined,
): EndpointSettings {
  const wanted = endpoint?.asked ?? asked ?? {};
  return {
    IPAMConfig: wanted.IPAMConfig ?? null,
    Links: wanted.Links ?? null,
    Aliases: wanted.Aliases ?? null,
    DriverOpts: wanted.DriverOpts ?? null,
    ...unset,
    ...(wanted.MacAddress ? { MacAddress: wanted.MacAddress } : {}),
    ...(wanted.GwPriority ? { GwPriority: wanted.GwPriority } : {}),
    ...(endpoint ? actual(endpoint) : {}),
    DNSNames: endpoint && endpoint.names.length > 0 ? endpoint.names : null,
  };
}

function actual(endpoint: Endpoint): EndpointSettings {
  const [address = "", prefix = "0"] = (endpoint.ipv4 ?? "").split("/");
  const [address6 = "", prefix6 = "0"] = (endpoint.ipv6 ?? "").split("/");
  return {
    NetworkID: endpoint.network,
    EndpointID: endpoint.id,
    MacAddress: endpoint.mac,
    Gateway: endpoint.gateway ?? "",
    IPAddress: address,
    IPPrefixLen: Number(prefix),
    IPv6Gateway: endpoint.gateway6 ?? "",
    GlobalIPv6Address: address6,
    GlobalIPv6PrefixLen: Number(prefix6),
  };
}

/** Those that it is in, and before its first start those that it will be in. */
export function networksOf(
  { body }: Pick<ContainerInfo, "body">,
  endpoints: Endpoints,
): Record<string, EndpointSettings> {
  const asked = body.NetworkingConfig?.EndpointsConfig ?? {};
  const mode = networkMode(body);
  const first = mode === "default" ? "bridge" : mode;
  const names = isJoined(mode)
    ? []
    : endpoints.size > 0
      ? [...endpoints.keys()]
      : [...new Set([first, ...Object.keys(asked)])];
  return Object.fromEntries(
    names.map((name) => [
      name,
      endpointSettings(asked[name] ?? (name === first ? asked["default"] : undefined), endpoints.get(name)),
    ]),
  );
}

type Published = Readonly<
  Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
>;

/** `80/tcp` → where on the host; null for one that is only exposed. Nothing while it does not run. */
export function portsOf(
  container: Pick<ContainerInfo, "body" | "imageConfig">,
  ports: Sandbox["ports"] | undefined,
): Published {
  if (!ports) return {};
  const exposed = Object.fromEntries(exposedPorts(container).map((port) => [port, null]));
  return { ...exposed, ...ports };
}

export interface PortSummary {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

/** As a list shows them. */
export function portSummaries(ports: Published): PortSummary[] {
  return Object.entries(ports).flatMap(([port, bindings]): PortSummary[] => {
    const [number = "", type = "tcp"] = port.split("/");
    const own = { PrivatePort: Number(number), Type: type };
    if (!bindings || bindings.length === 0) return [own];
    return bindings.map(({ HostIp, HostPort }) => ({
      ...(HostIp === "" ? {} : { IP: HostIp }),
      ...own,
      PublicPort: Number(HostPort),
    }));
  });
}

export function networkSettings(
  container: ContainerInfo,
  endpoints: Endpoints,
  sandbox: Sandbox | undefined,
): Record<string, unknown> {
  const networks = networksOf(container, endpoints);
  const bridge = networks["bridge"];
  return {
    Bridge: "",
    SandboxID: sandbox ? container.id : "",
    SandboxKey: sandbox?.path ?? "",
    Ports: portsOf(container, sandbox?.ports),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
    Networks: networks,
  };
}
