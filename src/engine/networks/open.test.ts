import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NetworkSettings } from "../settings.ts";
import { openStore } from "../store/open.ts";
import type { NamespaceDoor } from "./door.ts";
import { openNetworks, type NetworksOptions } from "./open.ts";

/** Nothing of the host is touched by what these tests do. */
const closed: NamespaceDoor = {
  make: () => Promise.reject(new Error("not here")),
  run: () => Promise.reject(new Error("not here")),
  remove: () => Promise.reject(new Error("not here")),
  host: () => Promise.reject(new Error("not here")),
};

function place() {
  const root = mkdtempSync(join(tmpdir(), "sampan-networks-rows-"));
  const store = openStore(root);
  return {
    with: (network: Partial<NetworkSettings>, more: Partial<NetworksOptions> = {}) =>
      openNetworks({
        store,
        settings: { state: join(root, "run"), network },
        door: closed,
        resolver: [],
        ...more,
      }),
    [Symbol.dispose]() {
      store[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const owner = { id: "c".repeat(64), name: "box", hostname: "box" };
const bridge = { name: "sampan0", address: undefined, address6: undefined, mtu: 0, icc: true };

test("bridge, host and none are there from the first opening on, with the same ids the next time", () => {
  using here = place();
  const first = here.with({}).list();
  expect(first.map(({ name, driver }) => `${name} ${driver}`).toSorted()).toEqual([
    "bridge bridge",
    "host host",
    "none null",
  ]);
  expect(here.with({}).list()).toEqual(first);
  expect(here.with({}).get(String(first[0]?.id.slice(0, 8))).id).toBe(String(first[0]?.id));
});

test("the default bridge follows the settings, and keeps a subnet that was chosen", () => {
  using here = place();
  const chosen = here.with({}).get("bridge");
  const other = here.with({ bridge: { ...bridge, name: "other0", mtu: 1400, icc: false } }).get("bridge");
  expect(other.ipam).toEqual(chosen.ipam);
  expect(other.id).toBe(chosen.id);
  expect(other.options).toMatchObject({
    "com.docker.network.bridge.name": "other0",
    "com.docker.network.driver.mtu": "1400",
    "com.docker.network.bridge.enable_icc": "false",
  });
  const six = here.with({ bridge: { ...bridge, address: "10.44.0.9/24", address6: "fd00:17::1/64" } });
  expect(six.get("bridge")).toMatchObject({
    ipv6: true,
    ipam: [
      { subnet: "10.44.0.0/24", gateway: "10.44.0.9" },
      { subnet: "fd00:17::/64", gateway: "fd00:17::1" },
    ],
  });
  expect(
    here
      .with({ bridge: false })
      .list()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(["host", "none"]);
  expect(here.with({}).list()).toHaveLength(3);
});

test("a container that stands is in its networks by rows alone, and leaves them so", async () => {
  using here = place();
  const networks = here.with({});
  const made = await networks.connect("bridge", owner, { MacAddress: "02-42-00-00-00-09" });
  expect(made).toMatchObject({ container: owner.id, names: ["box", "cccccccccccc"] });
  expect(made.ipv4).toBeUndefined();
  expect(Object.keys(networks.get("bridge").endpoints)).toEqual([owner.id]);
  expect(networks.sandbox(owner.id)).toBeUndefined();
  await networks.renamed({ ...owner, name: "crate" });
  expect(networks.get("bridge").endpoints[owner.id]?.names[0]).toBe("crate");
  await networks.disconnect("bridge", owner.id);
  expect(networks.get("bridge").endpoints).toEqual({});
});

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  return "it was not refused";
}

test("what cannot be is refused with a code that says why", async () => {
  using here = place();
  const networks = here.with({});
  await networks.connect("none", owner, {});
  const said = {
    unknown: await refusal(() => networks.get("nobody")),
    predefined: await refusal(() => networks.remove("bridge")),
    second: await refusal(() => networks.connect("bridge", owner, {})),
    again: await refusal(() => networks.connect("none", owner, {})),
    alias: await refusal(() => networks.connect("bridge", { ...owner, id: "d" }, { Aliases: ["x"] })),
    stranger: await refusal(() => networks.disconnect("bridge", "e")),
  };
  expect(said.unknown).toBe('not_found: cannot find network "nobody": network nobody not found');
  expect(said.predefined).toStartWith("failed_precondition: ");
  expect(said.second).toContain("failed_precondition: cannot connect container");
  expect(said.again).toContain("already_exists: ");
  expect(said.alias).toContain("invalid_argument: ");
  expect(said.stranger).toContain("not_found: ");
  await networks.disconnect("bridge", "e", { force: true });
});

test("without a firewall of ours ports are refused and the sandbox is undone", async () => {
  using here = place();
  const done = () => Promise.resolve();
  const door = { ...closed, make: done, remove: done, host: done };
  const networks = here.with({ firewall: false }, { door });
  await networks.connect("none", owner, {});
  const open = networks.open(owner, { bindings: { "80/tcp": [{}] }, all: [] });
  expect(await refusal(() => open)).toContain("[network] firewall = false");
  expect(networks.sandbox(owner.id)).toBeUndefined();
});
