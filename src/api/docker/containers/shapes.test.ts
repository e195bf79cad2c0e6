import { describe, expect, test } from "bun:test";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { ContainerStats } from "../../../engine/containers/stats.ts";
import type { Endpoint, Sandbox } from "../../../engine/networks/networks.ts";
import type { CreateBody } from "../../../spec/docker/create.ts";
import { goMode } from "./archive.ts";
import { configOf, hostConfigOf } from "./config.ts";
import { filterContainers, type Facts } from "./filters.ts";
import { commandText } from "./list.ts";
import { networksOf, portsOf, portSummaries } from "./networks.ts";
import { sampleOf } from "./stats.ts";
import { statusText } from "./status.ts";

function info(of: Partial<ContainerInfo>, body: CreateBody = {}): ContainerInfo {
  const base = {
    id: "a".repeat(64),
    name: "one",
    image: "busy",
    imageId: "sha256:1",
    command: ["sh"],
    created: new Date(0),
    state: "running",
    started: undefined,
    finished: undefined,
    exitCode: undefined,
    health: undefined,
    imageConfig: {},
  };
  return { ...base, body, ...of } as ContainerInfo;
}

describe("status", () => {
  const now = new Date(10_000_000);
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
  const health = (status: "starting" | "healthy") => ({ status, failingStreak: 0, log: [] });
  test.each([
    [info({ state: "created" }), "Created"],
    [info({ state: "running", started: ago(5) }), "Up 5 seconds"],
    [info({ state: "running", started: ago(300), health: health("healthy") }), "Up 5 minutes (healthy)"],
    [
      info({ state: "running", started: ago(5), health: health("starting") }),
      "Up 5 seconds (health: starting)",
    ],
    [info({ state: "paused", started: ago(5) }), "Up 5 seconds (Paused)"],
    [info({ state: "exited", finished: ago(7200), exitCode: 3 }), "Exited (3) 2 hours ago"],
    [info({ state: "restarting", finished: ago(1), exitCode: 1 }), "Restarting (1) 1 second ago"],
    [info({ state: "dead" }), "Dead"],
  ])("%# is worded as docker does", (container, words) => {
    expect(statusText(container, now)).toBe(words);
  });
});

describe("configuration", () => {
  test("the caller's goes over the image's", () => {
    const body = {
      Env: ["A=2", "B"],
      Labels: { a: "2" },
      Cmd: ["run"],
      ExposedPorts: { "80": {} },
      User: "",
    };
    const imageConfig = {
      Env: ["A=1", "B=1", "C=1"],
      Labels: { a: "1", b: "1" },
      Entrypoint: ["/e"],
      User: "u",
    };
    expect(configOf(info({ imageConfig }, body), "host")).toMatchObject({
      Hostname: "aaaaaaaaaaaa",
      User: "u",
      Env: ["A=2", "C=1"],
      Labels: { a: "2", b: "1" },
      Cmd: ["run"],
      Entrypoint: ["/e"],
      ExposedPorts: { "80/tcp": {} },
      Volumes: null,
    });
    expect(configOf(info({}, { HostConfig: { NetworkMode: "host" } }), "host")["Hostname"]).toBe("host");
  });

  const native = { runtime: "native", unified: true };

  test("the host's part has dockerd's values where nothing was said, and keeps what was", () => {
    const config = hostConfigOf(info({}, { HostConfig: { Memory: 5, Dns: null, NetworkMode: "" } }), native);
    expect(config).toMatchObject({
      Memory: 5,
      Dns: [],
      NetworkMode: "default",
      Runtime: "native",
      ShmSize: 64 << 20,
    });
    expect(hostConfigOf(info({}, { HostConfig: { Privileged: true } }), native)["MaskedPaths"]).toBeNull();
  });
});

describe("filters", () => {
  const all = [
    info(
      { name: "new", id: "b".repeat(64), state: "exited", exitCode: 4, finished: new Date() },
      { Labels: { tier: "db", x: "1" } },
    ),
    info({ name: "old" }, { Labels: { tier: "web" }, ExposedPorts: { "8001/tcp": {} } }),
  ];
  const facts: Facts = {
    all,
    mounts: ({ name }) =>
      name === "old"
        ? [
            {
              Type: "volume",
              Name: "v",
              Source: "/v",
              Destination: "/in",
              Mode: "",
              RW: true,
              Propagation: "",
            },
          ]
        : [],
    networks: ({ name }) => (name === "old" ? ["bridge", "id1"] : ["none", "id2"]),
    published: ({ name }) => (name === "old" ? ["80/tcp"] : []),
    imageId: (name) => (name === "busy" ? "sha256:1" : undefined),
  };
  const found = (filters: Record<string, string[]>, more: { all?: boolean; limit?: number } = {}) =>
    filterContainers(facts, { all: true, limit: undefined, filters, ...more }).map(({ name }) => name);

  test.each([
    [{}, ["new", "old"]],
    [{ label: ["tier"] }, ["new", "old"]],
    [{ label: ["tier", "x=1"] }, ["new"]],
    [{ name: ["old", "nothing"] }, ["old"]],
    [{ name: ["^/o"] }, ["old"]],
    [{ id: ["^b"] }, ["new"]],
    [{ volume: ["v"] }, ["old"]],
    [{ volume: ["/in"] }, ["old"]],
    [{ network: ["id2"] }, ["new"]],
    [{ publish: ["80"] }, ["old"]],
    [{ publish: ["79-81/udp"] }, []],
    [{ expose: ["8000-8010"] }, ["old"]],
    [{ ancestor: ["busy"] }, ["new", "old"]],
    [{ ancestor: ["other"] }, []],
    [{ before: ["new"] }, ["old"]],
    [{ since: ["old"] }, ["new"]],
    [{ health: ["none"] }, ["new", "old"]],
    [{ "is-task": ["true"] }, []],
    [{ exited: ["4"] }, ["new"]],
  ])("%j finds %j", (filters, names) => {
    expect(found(filters as Record<string, string[]>)).toEqual(names);
  });

  test("those that do not run are left out unless asked for", () => {
    expect(found({}, { all: false })).toEqual(["old"]);
    expect(found({ status: ["exited"] }, { all: false })).toEqual(["new"]);
    expect(found({}, { all: false, limit: 1 })).toEqual(["new"]);
  });

  test.each([
    [{ status: ["gone"] }, "invalid filter 'status=gone'"],
    [{ health: ["ill"] }, "unrecognized filter value for health: ill"],
    [{ before: ["nobody"] }, "No such container: nobody"],
    [{ publish: ["99999"] }, "invalid filter 'publish=99999'"],
    [{ name: ["("] }, "invalid filter 'name=('"],
  ])("%j is refused", (filters, words) => {
    expect(() => found(filters as Record<string, string[]>)).toThrow(words);
  });
});

describe("networks", () => {
  const endpoint: Endpoint = {
    id: "e1",
    network: "n1",
    container: "a",
    mac: "02:42:00:00:00:02",
    ipv4: "172.17.0.2/16",
    gateway: "172.17.0.1",
    names: ["one"],
    aliases: [],
    asked: { Aliases: ["alias"] },
  };

  test("what a container is in is filled with what it is", () => {
    expect(networksOf(info({}), new Map([["bridge", endpoint]]))).toMatchObject({
      bridge: {
        Aliases: ["alias"],
        IPAddress: "172.17.0.2",
        IPPrefixLen: 16,
        EndpointID: "e1",
        NetworkID: "n1",
        DNSNames: ["one"],
      },
    });
  });

  test("before its first start it is what was asked for", () => {
    const body = {
      HostConfig: { NetworkMode: "mine" },
      NetworkingConfig: { EndpointsConfig: { mine: { Aliases: ["x"] } } },
    };
    expect(networksOf(info({}, body), new Map())).toMatchObject({ mine: { Aliases: ["x"], IPAddress: "" } });
    expect(Object.keys(networksOf(info({}), new Map()))).toEqual(["bridge"]);
    expect(networksOf(info({}, { HostConfig: { NetworkMode: "container:x" } }), new Map())).toEqual({});
  });

  test("ports are told while it runs", () => {
    const container = info({}, { ExposedPorts: { "81/udp": {} } });
    const sandbox = {
      path: "/n",
      endpoints: [],
      nameservers: [],
      ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] },
    } as Sandbox;
    const ports = portsOf(container, sandbox.ports);
    expect(ports).toEqual({ "81/udp": null, "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] });
    expect(portSummaries(ports)).toEqual([
      { PrivatePort: 81, Type: "udp" },
      { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
    ]);
    expect(portsOf(container, undefined)).toEqual({});
  });
});

test("a mode is told as Go has it", () => {
  expect(goMode(0o100644)).toBe(0o644);
  expect(goMode(0o041777)).toBe(2 ** 31 + 2 ** 20 + 0o777);
  expect(goMode(0o120777)).toBe(2 ** 27 + 0o777);
  expect(goMode(0o104755)).toBe(2 ** 23 + 0o755);
  expect(goMode(0o020666)).toBe(2 ** 26 + 2 ** 21 + 0o666);
});

test("a command is told in one line", () => {
  expect(commandText(["sh", "-c", "echo a"])).toBe("sh -c 'echo a'");
});

describe("stats", () => {
  const stats = (total: number, cpu: number): ContainerStats => ({
    id: "a",
    name: "one",
    time: new Date(cpu),
    used: {
      version: 2,
      cpu: { total, user: 1, kernel: 2 },
      memory: { usage: 100, limit: 2 ** 60, stat: { inactive_file: 10 }, oomKills: 0 },
      pids: { current: 3 },
      io: [{ major: 8, minor: 0, op: "read", bytes: 5, operations: 1 }],
    },
    networks: {},
    host: { cpu, processors: 2, memory: 1000 },
  });

  test("a sample has the one before it beside it", () => {
    expect(sampleOf(stats(50, 2000), stats(20, 1000))).toMatchObject({
      name: "/one",
      pids_stats: { current: 3 },
      cpu_stats: { cpu_usage: { total_usage: 50 }, system_cpu_usage: 2000, online_cpus: 2 },
      precpu_stats: { cpu_usage: { total_usage: 20 }, system_cpu_usage: 1000 },
      memory_stats: { usage: 100, limit: 1000, stats: { inactive_file: 10 } },
      blkio_stats: { io_service_bytes_recursive: [{ major: 8, minor: 0, op: "read", value: 5 }] },
    });
  });

  test("one that does not run has nothing but its name", () => {
    const none = sampleOf({ ...stats(0, 0), used: undefined }, undefined);
    expect(none).toMatchObject({
      read: "0001-01-01T00:00:00Z",
      pids_stats: {},
      memory_stats: {},
      name: "/one",
    });
  });
});
