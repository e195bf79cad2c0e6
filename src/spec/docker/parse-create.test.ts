import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import {
  parseContainerConfig,
  parseCreateBody,
  parseEndpointSettings,
  parseResources,
  parseUpdateBody,
} from "./parse-create.ts";

/** What a command line client sends for a plain `run`, in short. */
const plain = {
  Hostname: "",
  Tty: false,
  Env: null,
  Cmd: ["true"],
  Image: "busybox",
  Volumes: {},
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
  HostConfig: {
    Binds: null,
    NetworkMode: "bridge",
    PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080-8090" }] },
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    ConsoleSize: [24, 80],
    MemorySwappiness: -1,
    PidsLimit: 0,
    Ulimits: [{ Name: "nofile", Soft: 10, Hard: -1 }],
    Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 5, Mode: 511 } }],
    Init: null,
  },
  NetworkingConfig: { EndpointsConfig: { mine: { Aliases: ["a"], IPAMConfig: null }, other: null } },
};

test("a client's body comes through, without what is null or unknown", () => {
  const body = parseCreateBody(JSON.parse(JSON.stringify(plain)));
  const { Binds, Init, ...host } = plain.HostConfig;
  expect([Binds, Init]).toEqual([null, null]);
  expect(body).toEqual({
    Hostname: "",
    Tty: false,
    Cmd: ["true"],
    Image: "busybox",
    Volumes: {},
    Labels: {},
    HostConfig: host as never,
    NetworkingConfig: { EndpointsConfig: { mine: { Aliases: ["a"] }, other: null } },
  });
});

test("names of fields are taken in any case, and a command may be a word", () => {
  expect(parseCreateBody({ image: "x", cmd: "ls", hostconfig: { NanoCPUs: 5 } })).toEqual({
    Image: "x",
    Cmd: ["ls"],
    HostConfig: { NanoCpus: 5 },
  });
});

test("keys that are names of an object's own parts stay data", () => {
  const body = parseCreateBody(
    JSON.parse('{"Labels":{"__proto__":"x","constructor":"y"},"__proto__":{"Tty":true}}'),
  );
  expect(Object.entries(body.Labels ?? {})).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  expect(body.Tty).toBeUndefined();
});

test.each<[unknown, string]>([
  [[], "the body is []"],
  [null, "the body is null"],
  [{ Tty: 1 }, "Tty is 1, wanted true or false"],
  [{ Env: ["A", 5] }, "Env[1] is 5, wanted a text"],
  [{ Env: ["A\0"] }, "Env[0] holds a NUL byte"],
  [{ Hostname: "a".repeat(65) }, "Hostname has 65 characters"],
  [{ Labels: { a: 1 } }, 'Labels["a"] is 1'],
  [{ Cmd: {} }, "Cmd is {}"],
  [{ StopTimeout: 1.5 }, "StopTimeout is 1.5"],
  [{ ExposedPorts: { "99999/tcp": {} } }, "ExposedPorts's key is"],
  [{ Healthcheck: { Interval: 30 } }, "Healthcheck.Interval is 30"],
  [{ Healthcheck: { Test: ["RUN"] } }, "Healthcheck.Test[0]"],
  [{ MacAddress: "1" }, "MacAddress"],
  [{ HostConfig: { Memory: "1g" } }, 'HostConfig.Memory is "1g", wanted an integer of 64 bits'],
  [
    { HostConfig: { OomScoreAdj: 1001 } },
    "HostConfig.OomScoreAdj is 1001, wanted an integer from -1000 to 1000",
  ],
  [{ HostConfig: { RestartPolicy: { Name: "never" } } }, "HostConfig.RestartPolicy.Name"],
  [{ HostConfig: { PortBindings: { "80/x": null } } }, "HostConfig.PortBindings's key"],
  [{ HostConfig: { PortBindings: { "80": [{ HostIp: "here" }] } } }, 'PortBindings["80"][0].HostIp'],
  [{ HostConfig: { PortBindings: { "80": [{ HostPort: "9-8" }] } } }, 'PortBindings["80"][0].HostPort'],
  [{ HostConfig: { Mounts: [{ Type: "npipe", Target: "/x" }] } }, "HostConfig.Mounts[0].Type"],
  [{ HostConfig: { Mounts: [{ Type: "bind" }] } }, "HostConfig.Mounts[0].Target is absent"],
  [{ HostConfig: { Devices: [{ PathInContainer: "/x" }] } }, "HostConfig.Devices[0].PathOnHost is absent"],
  [{ HostConfig: { CpusetCpus: "a" } }, "HostConfig.CpusetCpus"],
  [{ HostConfig: { Dns: ["8.8.8.256"] } }, "HostConfig.Dns[0]"],
  [{ HostConfig: { ShmSize: -1 } }, "HostConfig.ShmSize is -1"],
  [{ HostConfig: { Binds: Array.from({ length: 1001 }, () => "/a:/b") } }, "HostConfig.Binds has 1001 items"],
  [{ NetworkingConfig: { EndpointsConfig: { a: { IPAMConfig: { IPv4Address: "::1" } } } } }, "IPv4Address"],
])("%j is refused: %s", (value, why) => {
  expect(() => parseCreateBody(value)).toThrow(why);
});

test("limits, an update, an endpoint and a commit's configuration have their own doors", () => {
  expect(parseResources({ Memory: 5, Binds: ["x"] })).toEqual({ Memory: 5 });
  expect(parseUpdateBody({ RestartPolicy: { Name: "always" } })).toEqual({
    RestartPolicy: { Name: "always" },
  });
  expect(parseEndpointSettings({ Aliases: ["a"] })).toEqual({ Aliases: ["a"] });
  expect(parseContainerConfig({ Cmd: ["a"], HostConfig: {} })).toEqual({ Cmd: ["a"] });
});

/** Numbers below `bound`, the same for the same seed (xorshift32). */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  -0,
  1e300,
  2 ** 63,
  "",
  "/",
  "a\0b",
  "..",
  "\ud800",
  "__proto__",
  "1".repeat(70_000),
  [],
  [null],
  [[]],
  {},
  { "": null },
  { Type: {} },
  { __proto__: null },
  [{ Path: "/" }],
  ["NONE", 1],
];

/** Puts something odd into some place of the document, however deep. */
function spoil(value: unknown, random: (bound: number) => number): unknown {
  if (typeof value !== "object" || value === null || random(6) === 0) return odd[random(odd.length)];
  const copy = structuredClone(value) as Record<string, unknown>;
  const names = Object.keys(copy);
  const name = names[random(names.length + 1)] ?? "HostConfig";
  copy[name] = spoil(copy[name], random);
  return copy;
}

test("whatever is sent is taken or refused by name, and what is taken is taken again unchanged", () => {
  const random = randomFrom(20_261_121);
  let [taken, refused] = [0, 0];
  for (let turn = 0; turn < 2000; turn++) {
    let value: unknown = plain;
    for (let times = 0; times <= random(3); times++) value = spoil(value, random);
    try {
      const body = parseCreateBody(value);
      expect(parseCreateBody(JSON.parse(JSON.stringify(body)))).toEqual(body);
      taken++;
    } catch (error) {
      if (!(error instanceof SampanError) || !error.message.startsWith("cannot read the request: "))
        throw error;
      expect(error.message.length).toBeLessThan(1500);
      refused++;
    }
  }
  expect(taken).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});
