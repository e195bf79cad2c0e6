import { describe, expect, test } from "bun:test";
import { rulesOf } from "./_config.ts";
import { newNetwork } from "./_create.ts";
import { wishesOf } from "./_ports.ts";
import type { NetworkRow, PortRow } from "./_rows.ts";
import { portElement, rulesetFaults, rulesetOf, rulesetText } from "./_ruleset.ts";
import { parsePrefix } from "./_addresses.ts";
import type { CreateNetwork } from "./networks.ts";

const create = (request: CreateNetwork, networks: NetworkRow[] = []) =>
  newNetwork(request, { networks, routes: [parsePrefix("172.17.0.0/16")] });

describe("a new network", () => {
  test("gets a subnet that the host has no route into, its first address as gateway, and a bridge named by its id", () => {
    const row = create({ name: "one" });
    expect(row.ipam).toEqual([{ subnet: "172.18.0.0/16", gateway: "172.18.0.1" }]);
    expect(row.device).toBe(`br-${row.id.slice(0, 12)}`);
    const two = create({ name: "two", ipv6: true }, [row]);
    expect(two.ipam[0]?.subnet).toBe("172.19.0.0/16");
    expect(two.ipam[1]?.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
  });

  test("keeps what was asked, with addresses as they are written best", () => {
    const { ipam } = create({
      name: "asked",
      ipam: [{ subnet: "10.7.9.9/16", range: "10.7.5.0/24", reserved: { printer: "10.7.0.9" } }],
    });
    expect(ipam).toEqual([
      { subnet: "10.7.0.0/16", range: "10.7.5.0/24", gateway: "10.7.5.0", reserved: { printer: "10.7.0.9" } },
    ]);
  });

  const one = create({ name: "one", ipam: [{ subnet: "10.0.0.0/16" }] });
  test.each([
    [{ name: "one" }, "network with name one already exists"],
    [{ name: "-x" }, "a name begins with a letter or a digit"],
    [{ name: "x", driver: "overlay" }, 'there is no driver "overlay"'],
    [{ name: "x", ipam: [{ subnet: "10.0.5.0/24" }] }, "Pool overlaps with other one on this address space"],
    [{ name: "x", ipam: [{ subnet: "10.9.0.0/24", gateway: "10.8.0.1" }] }, "no matching subnet for gateway"],
    [{ name: "x", ipam: [{ subnet: "10.9.0.0/24", range: "10.8.0.0/24" }] }, "no matching subnet for range"],
    [{ name: "x", ipam: [{ subnet: "10.9.0.0/31" }] }, "has no room"],
    [{ name: "x", ipam: [{ subnet: "127.9.0.0/16" }] }, "is the loopback's"],
    [{ name: "x", ipam: [{ subnet: "fd00::/64" }] }, "needs IPv6"],
    [{ name: "x", ipv4: false }, "IPv4 or IPv6 must be enabled"],
    [
      { name: "x", options: { "com.docker.network.bridge.name": 'a" drop' } },
      "is no name of a network device",
    ],
    [{ name: "x", options: { "com.docker.network.driver.mtu": "9" } }, "wanted 68 to 65535"],
    [{ name: "x", options: { "com.docker.network.bridge.enable_icc": "no" } }, "wanted true or false"],
    [{ name: "x", options: { "org.sampan.deny": "10.0.0.0/99" } }, "cannot use option org.sampan.deny"],
  ])("%j is refused: %s", (request, why) => {
    expect(() => create(request, [one])).toThrow(why);
  });
});

describe("rules", () => {
  const red = create({ name: "red", ipam: [{ subnet: "10.1.0.0/24" }] });
  const blue = create({
    name: "blue",
    internal: true,
    ipam: [{ subnet: "10.2.0.0/24" }],
    options: {
      "org.sampan.allow": "red, nobody",
      "org.sampan.deny": "10.0.0.0/8,10.3.0.0/16,red,fd00::/8",
      "com.docker.network.bridge.enable_icc": "false",
    },
  });
  const all = [red, blue].flatMap((row) => rulesOf(row, [red, blue]) ?? []);
  const port: PortRow = {
    address: "0.0.0.0",
    protocol: "tcp",
    port: 8080,
    container: "c",
    target: "10.1.0.2",
    target_port: 80,
  };
  const ruleset = rulesetOf("sampan", all, [
    port,
    { ...port, address: "10.9.9.9", port: 81 },
    { ...port, address: "::", target: "fd00::2" },
    { ...port, address: "fd99::1", target: "fd00::2" },
  ]);

  test("a network is an element of the sets that say what it may", () => {
    const elements = (name: string) => ruleset.sets[name]?.elements;
    expect(elements("bridges")).toEqual([`"${red.device}"`, `"${blue.device}"`]);
    expect(elements("internal")).toEqual([`"${blue.device}"`]);
    expect(elements("allowed")).toEqual([
      `"${red.device}" . "${red.device}"`,
      `"${blue.device}" . "${red.device}"`,
    ]);
    expect(elements("masked4")).toEqual(["10.1.0.0/24"]);
    // What lies in another prefix of the list is in no interval of its own.
    expect(elements("denied4")).toEqual([`"${blue.device}" . 10.0.0.0/8`]);
    expect(elements("denied6")).toEqual([`"${blue.device}" . fd00::/8`]);
  });

  test("a port is an element of the map of its family, with its address or without", () => {
    expect(["any4", "ports4", "any6", "ports6"].map((name) => ruleset.sets[name]?.elements)).toEqual([
      ["tcp . 8080 : 10.1.0.2 . 80"],
      ["10.9.9.9 . tcp . 81 : 10.1.0.2 . 80"],
      ["tcp . 8080 : fd00::2 . 80"],
      ["fd99::1 . tcp . 8080 : fd00::2 . 80"],
    ]);
    expect(portElement(port).key).toBe("tcp . 8080");
  });

  test("all chains but the administrator's are emptied and filled again in one text", () => {
    const text = rulesetText(ruleset);
    expect(text).toContain("add chain inet sampan sampan-user\n");
    expect(text).not.toContain("flush chain inet sampan sampan-user");
    expect(text).not.toContain("delete");
    for (const chain of ["publish", "guard", "prerouting", "output", "postrouting", "forward"])
      expect(text).toContain(`flush chain inet sampan ${chain}\n`);
    const forward = text.split("\n").filter((line) => line.startsWith("add rule inet sampan forward"));
    expect(forward[1]).toEndWith("jump sampan-user");
    expect(forward.at(-1)).toEndWith("oifname @bridges drop");
  });

  test("what is missing in a list of the kernel is named", () => {
    const [first = "", ...rest] = rulesetFaults(ruleset, {
      nftables: [{ set: { name: "internal", elem: [1] } }],
    });
    expect(first).toBe("rules: table sampan has no set bridges");
    expect(rest).not.toContain("rules: table sampan has no set internal");
    expect(rest).toContain("rules: table sampan has no chain forward");
    const wrong = rulesetFaults(ruleset, { nftables: [{ set: { name: "internal" } }] });
    expect(wrong).toContain("rules: set internal of table sampan has 0 elements, wanted 1");
  });
});

describe("what is to be published", () => {
  test("each binding once, and a free port for what has none", () => {
    const bindings = {
      "80/tcp": [{ HostPort: "8080" }, { HostIp: "[::1]", HostPort: "8000-8010" }],
      "53/udp": [],
    };
    const found = wishesOf({ bindings, all: ["53/udp", "80/tcp", "443"] });
    expect(
      found.map(({ key, protocol, port, hostAddress, from, to }) => [
        key,
        protocol,
        port,
        hostAddress,
        from,
        to,
      ]),
    ).toEqual([
      ["80/tcp", "tcp", 80, undefined, 8080, 8080],
      ["80/tcp", "tcp", 80, "::1", 8000, 8010],
      ["53/udp", "udp", 53, undefined, 0, 0],
      ["443", "tcp", 443, undefined, 0, 0],
    ]);
  });

  test.each([
    [{ "0/tcp": [{}] }, 'cannot publish port "0/tcp"'],
    [{ "80/tcp": [{ HostPort: "70000" }] }, '"70000" is no port of the host'],
    [{ "80/tcp": [{ HostPort: "x" }] }, '"x" is no port of the host'],
    [{ "80/tcp": [{ HostPort: "80-" }] }, '"80-" is no port of the host'],
  ])("%j is refused", (bindings, why) => {
    expect(() => wishesOf({ bindings, all: [] })).toThrow(why);
  });
});
