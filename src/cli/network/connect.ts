/** `sampan network connect`. */
import type { EndpointSettings } from "../../spec/docker/create.ts";
import { define } from "../command.ts";
import { pairs } from "../container/create/key-values.ts";
import { given } from "../flags/shared.ts";

export const command = define({
  summary: "Connect a container to a network, also while it runs",
  usage: "[OPTIONS] NETWORK CONTAINER",
  flags: {
    alias: { kind: "list", value: "NAME", help: "Another name in this network" },
    "driver-opt": { kind: "list", value: "KEY=VALUE", help: "Options of the driver" },
    "gw-priority": { kind: "number", help: "The highest gives the default gateway" },
    ip: { kind: "text", value: "ADDRESS", help: "IPv4 address" },
    ip6: { kind: "text", value: "ADDRESS", help: "IPv6 address" },
    link: { kind: "list", value: "CONTAINER[:NAME]", help: "Know another container by a name" },
    "link-local-ip": { kind: "list", value: "ADDRESS", help: "Link-local addresses" },
  },
  words: { least: 2, most: 2 },
  examples: [["network connect --alias db own postgres", "Known as db there"]],
  run: async ({ flags, words: [network = "", container = ""], daemon }) => {
    const addresses = {
      ...given("IPv4Address", flags.ip),
      ...given("IPv6Address", flags.ip6),
      ...(flags["link-local-ip"].length > 0 ? { LinkLocalIPs: flags["link-local-ip"] } : {}),
    };
    const settings: EndpointSettings = {
      ...(Object.keys(addresses).length > 0 ? { IPAMConfig: addresses } : {}),
      ...(flags.alias.length > 0 ? { Aliases: flags.alias } : {}),
      ...(flags.link.length > 0 ? { Links: flags.link } : {}),
      ...(flags["driver-opt"].length > 0 ? { DriverOpts: pairs(flags["driver-opt"], "option") } : {}),
      ...given("GwPriority", flags["gw-priority"]),
    };
    await (await daemon()).connectNetwork(network, { Container: container, EndpointConfig: settings });
    return 0;
  },
});
