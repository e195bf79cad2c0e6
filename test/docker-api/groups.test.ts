/** Volumes, networks, swarm and builds over parts in memory: what is asked reaches the engine, and its answers and refusals have Docker's shape. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { buildRoutes } from "../../src/api/docker/build.ts";
import { networkRoutes } from "../../src/api/docker/networks/routes.ts";
import { serverOf } from "../../src/api/docker/server.ts";
import { swarmRoutes } from "../../src/api/docker/swarm.ts";
import { volumeRoutes } from "../../src/api/docker/volumes.ts";
import type { LiveEngine } from "../../src/engine/engine.ts";
import type { NetworkInspect } from "../../src/spec/docker/networks.ts";
import type { Volume } from "../../src/spec/docker/volumes.ts";
import { fakes } from "./fakes.ts";
import { listening, type Served } from "./served.ts";

const containers = {
  list: () => [{ id: "c1", name: "web", state: "running" }],
} as unknown as LiveEngine["containers"];
const engine = { ...fakes(), containers } as LiveEngine;
let served: Served;

beforeAll(async () => {
  const routes = [...volumeRoutes(engine), ...networkRoutes(engine), ...buildRoutes(), ...swarmRoutes()];
  served = await listening((warn) => serverOf(routes, { warn }));
});
afterAll(() => served[Symbol.asyncDispose]());

async function json<Value>(path: string): Promise<Value> {
  return (await (await served.get(path)).json()) as Value;
}

const filtered = (path: string, filters: object) =>
  `${path}?filters=${encodeURIComponent(JSON.stringify(filters))}`;

test("a volume is made of its name, options and labels", async () => {
  const made = await served.post("/volumes/create", {
    Name: "one",
    DriverOpts: { type: "tmpfs" },
    Labels: { a: "b" },
  });
  expect(made.status).toBe(201);
  expect(await made.json()).toEqual({
    CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    Driver: "local",
    Labels: { a: "b" },
    Mountpoint: "/volumes/one/_data",
    Name: "one",
    Options: { type: "tmpfs" },
    Scope: "local",
  });
  const anonymous = (await (await served.post("/volumes/create", {})).json()) as Volume;
  expect(anonymous.Name).toMatch(/^[0-9a-f]{64}$/);
  expect(anonymous).toMatchObject({ Labels: null, Options: null });
});

test.each([
  [{ label: { "a=b": true } }, ["one"]],
  [{ name: ["on"] }, ["one"]],
  [{ driver: ["other"] }, []],
  [{ dangling: ["false"] }, []],
])("volumes filtered by %j", async (filters, names) => {
  const path = filtered("/volumes", filters);
  const { Volumes } = await json<{ Volumes: Volume[] }>(path);
  expect(Volumes.map(({ Name }) => Name)).toEqual(names);
});

test.each([
  ["/volumes/create", { Name: 7 }, '"Name" is not a text'],
  ["/volumes/create", { Labels: { a: 1 } }, '"Labels" is not a map of texts'],
  ["/volumes/create", { ClusterVolumeSpec: {} }, "not in a swarm"],
  ["/volumes/create", [], "wanted an object"],
  ["/networks/create", { Name: "x", IPAM: { Driver: "other" } }, 'IPAM driver is "other"'],
  ["/networks/create", { Name: "x", IPAM: { Config: {} } }, '"Config" is not a list'],
  ["/networks/create", { Name: "x", Internal: "yes" }, '"Internal" is not true or false'],
])("%s refuses %j", async (path, body, words) => {
  const answer = await served.post(path, body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ message: expect.stringContaining(words) });
});

test("a network is made of all that was asked, and shown so", async () => {
  const body = {
    Name: "net",
    Driver: "bridge",
    Internal: true,
    Attachable: true,
    EnableIPv6: true,
    IPAM: {
      Driver: "default",
      Config: [
        {
          Subnet: "10.1.0.0/16",
          IPRange: "10.1.2.0/24",
          Gateway: "10.1.0.1",
          AuxiliaryAddresses: { a: "10.1.0.9" },
        },
        { Subnet: "fd00::/64" },
      ],
    },
    Options: { "com.docker.network.driver.mtu": "1400" },
    Labels: { a: "b" },
  };
  const made = await served.post("/networks/create", body);
  expect(made.status).toBe(201);
  const { Id } = (await made.json()) as { Id: string };
  expect(await json("/networks/net")).toEqual({
    Name: "net",
    Id,
    Created: expect.stringMatching(/Z$/),
    Scope: "local",
    Driver: "bridge",
    EnableIPv4: true,
    EnableIPv6: true,
    IPAM: { Driver: "default", Options: null, Config: body.IPAM.Config },
    Internal: true,
    Attachable: true,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: body.Options,
    Labels: body.Labels,
  });
  expect((await served.post("/networks/create", body)).status).toBe(409);
});

test.each([
  [{ name: ["ne"] }, ["none", "net"]],
  [{ type: ["custom"] }, ["net"]],
  [{ type: ["builtin"] }, ["bridge", "host", "none"]],
  [{ driver: ["host"] }, ["host"]],
  [{ label: ["a=b"] }, ["net"]],
  [{ dangling: ["true"] }, ["net"]],
  [{ scope: ["swarm"] }, []],
])("networks filtered by %j", async (filters, names) => {
  const found = await json<NetworkInspect[]>(filtered("/networks", filters));
  expect(found.map(({ Name }) => Name)).toEqual(names);
});

test("a network shows those that run in it", async () => {
  const owner = { id: "c1", name: "web", hostname: "web" };
  await engine.networks.connect("net", owner, {});
  await engine.networks.connect("net", { ...owner, id: "c2" }, {});
  const { Containers } = await json<NetworkInspect>("/networks/net");
  expect(Object.keys(Containers ?? {})).toEqual(["c1"]);
  const [inList] = await json<NetworkInspect[]>(filtered("/networks", { name: ["net"] }));
  expect(inList?.Containers).toEqual({});
});

test.each([
  ["GET", "/swarm", 503, "This node is not a swarm manager."],
  ["POST", "/services/create", 503, "This node is not a swarm manager."],
  ["POST", "/swarm/leave", 503, "This node is not part of a swarm"],
  ["POST", "/swarm/init", 501, "swarm mode is not there"],
  ["GET", "/plugins/some/thing/json", 404, 'plugin "some/thing" not found'],
  ["POST", "/build", 501, "building images is not there yet"],
  ["POST", "/session", 501, "building images is not there yet"],
  ["DELETE", "/networks/host", 403, "host is a pre-defined network"],
  ["GET", "/networks/net?scope=swarm", 404, "network net not found"],
  ["PUT", "/volumes/one", 400, "not a cluster volume"],
  ["PUT", "/swarm", 404, "page not found"],
])("%s %s is %i", async (method, path, status, words) => {
  const answer = await served.get(path, { method });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual({ message: expect.stringContaining(words) });
});
