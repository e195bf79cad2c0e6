/** linux.netDevices: devices of the host that a container is given. */
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { Box, logged, namespace, needs, type BundleOptions } from "./_container.ts";
import { Network } from "./_network.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "ip", "unshare", "nsenter"] });

const withDevices = (
  devices: Record<string, { name?: string }>,
  args: readonly string[] = ["true"],
): BundleOptions => ({
  args,
  config: (config) => {
    config.linux = { ...config.linux, netDevices: devices };
  },
});

test("a device moves with its addresses, is renamed and is up", async () => {
  using host = await Network.make();
  host.add("wire0");
  host.ip("link set wire0 mtu 1400");
  host.ip("address add 192.0.2.7/24 dev wire0");
  host.ip("address add 2001:db8::7/64 dev wire0 nodad");
  using box = new Box(withDevices({ wire0: { name: "inside" } }, ["ip", "address", "show"]));
  const { status, stdout, stderr } = box.foreground({ through: host.through });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/inside@\w+: <BROADCAST,MULTICAST,UP,LOWER_UP,\S+ mtu 1400/);
  expect(stdout).toContain("inet 192.0.2.7/24");
  expect(stdout).toContain("inet6 2001:db8::7/64");
  expect(host.devices()).not.toContain("wire0");
});

test("a device that was up moves under its own name, without the addresses of its link", async () => {
  using host = await Network.make();
  host.add("wire0");
  host.ip("link set wire0 up");
  host.ip("address add 169.254.9.9/16 scope link dev wire0");
  host.ip("address add 198.51.100.1/32 dev wire0");
  using box = new Box(withDevices({ wire0: {} }, ["ip", "address", "show", "wire0"]));
  const { status, stdout } = box.foreground({ through: host.through });
  expect(status).toBe(0);
  expect(stdout).toContain("198.51.100.1/32");
  expect(stdout).not.toContain("169.254.9.9");
});

test("a template becomes the first free name", async () => {
  using host = await Network.make();
  for (const name of ["a0", "a1", "eth0"]) host.add(name);
  using box = new Box(
    withDevices({ a0: { name: "eth%d" }, a1: { name: "eth%d" }, eth0: { name: "eth1" } }, [
      "ls",
      "/sys/class/net",
    ]),
  );
  const { status, stdout } = box.foreground({ through: host.through });
  expect(status).toBe(0);
  expect(stdout.split("\n").filter((name) => name.startsWith("eth"))).toEqual(["eth0", "eth1", "eth2"]);
});

test("a device moves into a namespace that is joined", async () => {
  using host = await Network.make();
  using joined = await Network.make();
  host.add("wire0");
  host.ip("address add 192.0.2.9/24 dev wire0");
  using box = new Box({
    config: (config) => {
      config.linux = { ...config.linux, netDevices: { wire0: { name: "inside" } } };
      namespace(config, "network", joined.path);
    },
  });
  expect(box.foreground({ through: host.through })).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(joined.ip("address show inside")).toContain("192.0.2.9/24");
});

test("what cannot be moved is refused with its field, and stays with the host", async () => {
  using host = await Network.make();
  using joined = await Network.make();
  for (const name of ["wire0", "wire1"]) host.add(name);
  joined.add("taken");
  const refused: [string, Record<string, { name?: string }>, boolean?][] = [
    [
      'cannot use linux.netDevices.absent: the host has no network device "absent"',
      { wire0: {}, absent: {} },
    ],
    [
      `linux.netDevices["wire0"].name: "a-name-of-sixteen" does not fit`,
      { wire0: { name: "a-name-of-sixteen" } },
    ],
    [
      'cannot use linux.netDevices.wire1: linux.netDevices.wire0 has a device "x"',
      { wire0: { name: "x" }, wire1: { name: "x" } },
    ],
    ['cannot use linux.netDevices.wire0: the network namespace has a device "lo"', { wire0: { name: "lo" } }],
    ["cannot use linux.netDevices.lo", { lo: { name: "loop" } }],
    [
      'cannot use linux.netDevices.wire0: the network namespace has a device "taken"',
      { wire0: { name: "taken" } },
      true,
    ],
    ['linux.netDevices.wire0.name "%dx%d"', { wire0: { name: "%dx%d" } }],
  ];
  for (const [text, devices, join] of refused) {
    using box = new Box({
      config: (config) => {
        config.linux = { ...config.linux, netDevices: devices };
        if (join) namespace(config, "network", joined.path);
      },
    });
    const { status, stderr } = box.foreground({ through: host.through });
    expect(logged(stderr)).toContain(text);
    expect(status).toBe(1);
    expect(host.devices()).toEqual(expect.arrayContaining(["wire0", "wire1", "lo"]));
    expect(box.cgroups()).toEqual([]);
  }
  expect(joined.devices()).toEqual(["lo", "-taken", "taken"]);
});
