import { expect, test } from "bun:test";
import type { CreateBody, HostConfig } from "../../../spec/docker/create.ts";
import { checkNamespaces, namespaces, otherContainers } from "./namespaces.ts";

const host = { unifiedCgroups: true };
const types = (HostConfig: HostConfig, joined = {}) =>
  namespaces({ body: { HostConfig }, ownIds: false, host, joined }).map(({ type, path }) =>
    path === undefined ? type : `${type}=${path}`,
  );

test("a container has its own, but for those that it shares or joins", () => {
  expect(types({})).toEqual(["mount", "uts", "pid", "ipc", "network", "cgroup"]);
  const shared = {
    UTSMode: "host",
    PidMode: "host",
    IpcMode: "host",
    NetworkMode: "host",
    CgroupnsMode: "host",
  };
  expect(types(shared)).toEqual(["mount"]);
  expect(
    types({ IpcMode: "container:a", PidMode: "container:b" }, { ipc: "/i", pid: "/p", network: "/n" }),
  ).toEqual(["mount", "uts", "pid=/p", "ipc=/i", "network=/n", "cgroup"]);
});

test("a container whose namespace was to be joined never gets one of its own instead", () => {
  expect(() => types({ IpcMode: "container:a" })).toThrow("that container does not run");
  expect(() => types({ PidMode: "container:a" })).toThrow("that container does not run");
});

test("whose namespaces it takes", () => {
  const HostConfig = { NetworkMode: "container:a", IpcMode: "shareable", PidMode: "container:b" };
  expect(otherContainers({ HostConfig })).toEqual({ network: "a", pid: "b" });
});

test.each<[CreateBody, string]>([
  [{ HostConfig: { IpcMode: "public" } }, 'cannot use IpcMode "public"'],
  [{ HostConfig: { PidMode: "container:" } }, "cannot use PidMode"],
  [{ HostConfig: { NetworkMode: "container:" } }, "cannot use NetworkMode"],
  [{ Hostname: "a", HostConfig: { NetworkMode: "container:x" } }, "Hostname cannot be set"],
  [{ Hostname: "a", HostConfig: { UTSMode: "host" } }, "Hostname cannot be set"],
  [{ HostConfig: { NetworkMode: "container:x", Dns: ["1.1.1.1"] } }, "Dns cannot be set"],
  [
    { HostConfig: { NetworkMode: "container:x", PortBindings: { "80/tcp": [] } } },
    "ports cannot be published",
  ],
  [{ MacAddress: "02:00:00:00:00:01", HostConfig: { NetworkMode: "host" } }, "MacAddress cannot be set"],
  [{ HostConfig: { IpcMode: "none", ShmSize: 5 } }, "ShmSize cannot be set"],
])("%j is refused", (body, why) => {
  expect(() => checkNamespaces(body, false)).toThrow(why);
});

test("user ids of its own rule out the host's processes and queues", () => {
  for (const mode of [{ PidMode: "host" }, { IpcMode: "host" }])
    expect(() => checkNamespaces({ HostConfig: mode }, true)).toThrow("user ids of its own");
});
