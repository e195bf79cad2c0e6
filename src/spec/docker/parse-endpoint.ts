/** How a container is in a network, as create and POST /networks/{id}/connect carry it. */
import { isIP } from "node:net";
import type { EndpointSettings } from "./create.ts";
import { fault, integer, list, map, nullable, object, stringMap, text, type Reader } from "./_read.ts";

/** "" is none. */
export function address(version?: 4 | 6): Reader<string> {
  const read = text({ length: 64 });
  return (value, path) => {
    const found = read(value, path);
    if (found === "" || (version === undefined ? isIP(found) !== 0 : isIP(found) === version)) return found;
    throw fault(path, found, version === undefined ? "an IP address" : `an IPv${version} address`);
  };
}

export const macAddress = text({
  length: 17,
  like: /^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/,
  wanted: "a MAC address",
});

const name = text({ length: 255 });
const names = list(name, 1000);
const count = integer(0, 128);

const endpoint = object<EndpointSettings>({
  IPAMConfig: object<NonNullable<EndpointSettings["IPAMConfig"]>>({
    IPv4Address: address(4),
    IPv6Address: address(6),
    LinkLocalIPs: list(address(), 100),
  }),
  Links: names,
  Aliases: names,
  MacAddress: macAddress,
  DriverOpts: stringMap,
  GwPriority: integer(),
  NetworkID: name,
  EndpointID: name,
  Gateway: address(),
  IPAddress: address(),
  IPPrefixLen: count,
  IPv6Gateway: address(),
  GlobalIPv6Address: address(),
  GlobalIPv6PrefixLen: count,
  DNSNames: names,
});

/** Errors: `invalid_argument` naming the field. */
export function parseEndpointSettings(value: unknown): EndpointSettings {
  return endpoint(value, "EndpointConfig");
}

export const endpoints: Reader<Record<string, EndpointSettings | null>> = map(nullable(endpoint), name);
