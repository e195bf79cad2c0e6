import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  NamespaceMode,
  PodSandboxConfigSchema,
  type PodSandboxConfig,
  Protocol,
} from "../../../wire/cri/cri_pb.ts";
import { podResources, sandboxRequest } from "./request.ts";

type Init = Exclude<MessageInitShape<typeof PodSandboxConfigSchema>, PodSandboxConfig>;
const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;

function request(init: Init, { handler = "", isCgroup = false } = {}) {
  const config = create(PodSandboxConfigSchema, {
    metadata: { name: "web", uid: "u", namespace: "default", attempt: 3 },
    ...init,
  });
  return sandboxRequest({ config, handler, network: "cni", node: "island", isCgroup: () => isCgroup });
}

const modes = (namespaceOptions: object) => ({ linux: { securityContext: { namespaceOptions } } });

test("what it is called, and what is kept of it", () => {
  const made = request(
    { hostname: "harbour", labels: { a: "1" }, annotations: { b: "2" } },
    { handler: "runc" },
  );
  expect(made).toMatchObject({
    namespace: "default",
    name: "web",
    uid: "u",
    attempt: 3,
    hostname: "harbour",
    network: "cni",
    labels: { a: "1" },
    annotations: { b: "2" },
    runtime: "runc",
  });
  expect(made.origin).not.toBe("");
  expect(request({}).hostname).toBe("island");
  expect(request({})).not.toHaveProperty("runtime");
  expect(() =>
    sandboxRequest({
      config: create(PodSandboxConfigSchema, {}),
      handler: "",
      network: "cni",
      node: "island",
      isCgroup: () => false,
    }),
  ).toThrow("metadata");
});

test("namespaces are the pod's where nothing is said, and the node's where that is said", () => {
  expect(request({})).toMatchObject({ sharePid: true });
  expect(request(modes({ pid: CONTAINER }))).not.toHaveProperty("sharePid");
  expect(request(modes({ pid: NODE, ipc: NODE }))).toMatchObject({ hostPid: true, hostIpc: true });
  const host = request({
    ...modes({ network: NODE }),
    hostname: "harbour",
    portMappings: [{ hostPort: 1, containerPort: 1 }],
  });
  expect(host).toMatchObject({ network: "host", hostname: "island" });
  expect(host).not.toHaveProperty("ports");
  for (const wrong of [{ pid: TARGET }, { ipc: CONTAINER }, { network: CONTAINER }, { network: TARGET }])
    expect(() => request(modes(wrong))).toThrow("namespace");
});

test("a user namespace has mappings, and the node's has none", () => {
  const ids = [{ hostId: 65_536, containerId: 0, length: 65_536 }];
  const userns = (mode: number, more: object = {}) =>
    request(modes({ usernsOptions: { mode, ...more } })).userns;
  expect(userns(POD, { uids: ids, gids: ids })).toEqual({
    uids: [{ containerID: 0, hostID: 65_536, size: 65_536 }],
    gids: [{ containerID: 0, hostID: 65_536, size: 65_536 }],
  });
  expect(userns(NODE)).toBeUndefined();
  expect(() => userns(NODE, { uids: ids })).toThrow("node's");
  expect(() => userns(POD)).toThrow("no mappings");
  expect(() => userns(CONTAINER, { uids: ids, gids: ids })).toThrow("pod's or the node's");
  expect(() => userns(POD, { uids: [{ length: 0 }], gids: ids })).toThrow("no ids");
});

test("ports with one on the node are published, by protocol and address", () => {
  const { ports } = request({
    portMappings: [
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 80, hostPort: 8081, hostIp: "127.0.0.1" },
      { containerPort: 53, hostPort: 53, protocol: Protocol.UDP },
      { containerPort: 443 },
    ],
  });
  expect(ports).toEqual({
    "80/tcp": [{ HostPort: "8080" }, { HostIp: "127.0.0.1", HostPort: "8081" }],
    "53/udp": [{ HostPort: "53" }],
  });
  for (const wrong of [
    { containerPort: 0, hostPort: 1 },
    { containerPort: 1, hostPort: 70_000 },
  ])
    expect(() => request({ portMappings: [wrong] })).toThrow("cannot publish port");
});

test("name servers are its own where any are named, and the node's else", () => {
  expect(request({ dnsConfig: {} })).not.toHaveProperty("dns");
  expect(request({ dnsConfig: { searches: ["example.org"] } }).dns).toEqual({
    servers: [],
    searches: ["example.org"],
    options: [],
  });
});

test("a cgroup that is there is somebody else's; a path is absolute and leads nowhere else", () => {
  const parent = (cgroupParent: string, isCgroup = false) =>
    request({ linux: { cgroupParent } }, { isCgroup });
  expect(parent("/kubepods/pod1", true)).toMatchObject({
    cgroupParent: "/kubepods/pod1",
    foreignCgroup: true,
  });
  expect(parent("kubepods/pod1/")).toMatchObject({ cgroupParent: "/kubepods/pod1", foreignCgroup: false });
  for (const none of ["", "/"]) expect(parent(none)).not.toHaveProperty("cgroupParent");
  expect(() => parent("/a/../b")).toThrow('".."');
});

test("a pod's limits are its containers' and what it costs beside them", () => {
  const own = request({
    linux: {
      cgroupParent: "/a",
      resources: { memoryLimitInBytes: 100n, cpuShares: 10n },
      overhead: { memoryLimitInBytes: 5n, cpuQuota: 7n },
    },
  });
  expect(own.resources).toEqual({ Memory: 105, CpuShares: 10 });
  expect(podResources(undefined, undefined)).toEqual({});
});
