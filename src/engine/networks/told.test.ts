import { expect, test } from "bun:test";
import { openEvents } from "../events/open.ts";
import type { Endpoint, NetworkInfo, Networks, Sandbox, SandboxOwner } from "./networks.ts";
import { toldNetworks } from "./told.ts";

const net = { id: "n1", name: "net", driver: "bridge" } as NetworkInfo;
const owner: SandboxOwner = { id: "c1", name: "web", hostname: "web" };
const endpoint = { network: "n1", container: "c1" } as Endpoint;
const sandbox = { endpoints: [endpoint] } as unknown as Sandbox;

function networks() {
  let open = false;
  let there = true;
  const parts: Partial<Networks> = {
    list: () => (there ? [net] : []),
    get: () => net,
    create: () => Promise.resolve(net),
    remove: () => {
      there = false;
      return Promise.resolve();
    },
    connect: () => Promise.resolve(endpoint),
    disconnect: () => Promise.resolve(),
    open: () => {
      open = true;
      return Promise.resolve(sandbox);
    },
    close: () => {
      open = false;
      return Promise.resolve();
    },
    sandbox: () => (open ? sandbox : undefined),
    cni: { attachment: () => undefined } as unknown as Networks["cni"],
  };
  return parts as Networks;
}

test("what happens to networks is told, and to those in them while they run", async () => {
  const events = openEvents();
  const told = toldNetworks(networks(), events);
  await told.create({ name: "net" });
  await told.connect("net", owner, {});
  expect(events.past().map(({ action }) => action)).toEqual(["create"]);
  await told.open(owner, { bindings: {}, all: [] });
  await told.open(owner, { bindings: {}, all: [] });
  await told.connect("net", owner, {});
  await told.disconnect("net", "c1");
  await told.close("c1");
  await told.close("c1");
  await told.remove("net");
  expect(events.past().map(({ action, id, attributes }) => [action, id, attributes])).toEqual([
    ["create", "n1", { name: "net", type: "bridge" }],
    ["connect", "n1", { name: "net", type: "bridge", container: "c1" }],
    ["connect", "n1", { name: "net", type: "bridge", container: "c1" }],
    ["disconnect", "n1", { name: "net", type: "bridge", container: "c1" }],
    ["disconnect", "n1", { name: "net", type: "bridge", container: "c1" }],
    ["destroy", "n1", { name: "net", type: "bridge" }],
  ]);
});
