import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ContainerConfigSchema,
  type ContainerConfig,
  MountPropagation,
  NamespaceMode,
  PodSandboxConfigSchema,
} from "../../../wire/cri/cri_pb.ts";
import type { KnownSandbox } from "../known.ts";
import { containerBody, containerExtras, containerName } from "./body.ts";

const pod = "a".repeat(64);

function sandbox(request: Partial<KnownSandbox["info"]["request"]> = {}): KnownSandbox {
  return {
    info: {
      id: pod,
      request: { namespace: "default", name: "web", uid: "u", hostname: "web", ...request },
      created: new Date(0),
      state: "ready",
      generation: "1",
      sandbox: undefined,
      ips: [],
    },
    config: create(PodSandboxConfigSchema, { logDirectory: "/var/log/pods/web" }),
  };
}

type Init = Exclude<MessageInitShape<typeof ContainerConfigSchema>, ContainerConfig>;

const input = (config: Init, of = sandbox()) => ({
  sandbox: of,
  leastOomScore: -1000,
  config: create(ContainerConfigSchema, {
    metadata: { name: "main", attempt: 2 },
    image: { image: "busybox" },
    ...config,
  }),
});

const host = (config: Init, of?: KnownSandbox) => containerBody(input(config, of)).HostConfig ?? {};
const secured = (securityContext: NonNullable<NonNullable<Init["linux"]>["securityContext"]>) => ({
  linux: { securityContext },
});

test("memory that is limited is not swapped, unless it is asked for", () => {
  const limits = (resources: object) => host({ linux: { resources } });
  expect(limits({ memoryLimitInBytes: 100n })).toMatchObject({ Memory: 100, MemorySwap: 100 });
  expect(limits({ memoryLimitInBytes: 100n, memorySwapLimitInBytes: 150n })).toMatchObject({
    MemorySwap: 150,
  });
  expect(limits({ memoryLimitInBytes: 100n, memorySwapLimitInBytes: -1n })).toMatchObject({ MemorySwap: -1 });
  expect(limits({ memoryLimitInBytes: 2n ** 63n - 1n })).not.toHaveProperty("Memory");
  expect(limits({})).not.toHaveProperty("MemorySwap");
});

test("the score for a host without memory is never less than this process may give", () => {
  const of = { ...input({ linux: { resources: { oomScoreAdj: -900n } } }), leastOomScore: -500 };
  expect(containerBody(of).HostConfig).toMatchObject({ OomScoreAdj: -500 });
});

test("processes are the pod's only where it shares them", () => {
  const mode = (pid: number, request = {}) =>
    host(secured({ namespaceOptions: { pid: pid as never, targetId: "b" } }), sandbox(request)).PidMode;
  expect(mode(NamespaceMode.POD, { sharePid: true })).toBe(`pod:${pod}`);
  expect(mode(NamespaceMode.POD)).toBeUndefined();
  expect(mode(NamespaceMode.POD, { hostPid: true })).toBe("host");
  expect(mode(NamespaceMode.CONTAINER, { sharePid: true })).toBeUndefined();
  expect(mode(NamespaceMode.NODE)).toBe("host");
  expect(mode(NamespaceMode.TARGET)).toBe("container:b");
});

test("users and groups are numbers of 31 bits, and a group goes with a user", () => {
  const user = (context: Parameters<typeof secured>[0]) => containerBody(input(secured(context))).User;
  expect(user({})).toBeUndefined();
  expect(user({ runAsUser: { value: 0n } })).toBe("0");
  expect(user({ runAsUsername: "www", runAsGroup: { value: 5n } })).toBe("www:5");
  expect(() => user({ runAsGroup: { value: 5n } })).toThrow("user group is specified without user");
  expect(() => user({ runAsUser: { value: 2n ** 31n } })).toThrow("run_as_user");
  expect(() => user({ runAsUser: { value: -1n } })).toThrow("run_as_user");
  expect(() => user({ runAsUsername: "a:0" })).toThrow("wanted a name");
});

test("what is dropped by name is dropped though it is added, and of ALL what is added comes back", () => {
  const asked = (addCapabilities: string[], dropCapabilities: string[]) => {
    const { CapAdd, CapDrop } = host(secured({ capabilities: { addCapabilities, dropCapabilities } }));
    return [CapAdd, CapDrop];
  };
  expect(asked(["NET_ADMIN", "CAP_CHOWN"], ["NET_ADMIN"])).toEqual([["CHOWN"], ["NET_ADMIN"]]);
  expect(asked(["CHOWN"], ["ALL"])).toEqual([["CHOWN"], ["ALL"]]);
  expect(asked(["ALL"], ["ALL"])).toEqual([undefined, ["ALL"]]);
  expect(asked(["all"], ["SYS_TIME"])).toEqual([["ALL"], ["SYS_TIME"]]);
});

test("devices by CDI are those of the field and of the older annotations, each once", () => {
  const { DeviceRequests } = host({
    CDIDevices: [{ name: "v.com/net=a" }],
    annotations: { "cdi.k8s.io/plugin": "v.com/net=a,v.com/net=b", other: "v.com/net=c" },
  });
  expect(DeviceRequests).toEqual([{ Driver: "cdi", DeviceIDs: ["v.com/net=a", "v.com/net=b"] }]);
  expect(host({})).not.toHaveProperty("DeviceRequests");
});

test("mounts are made of what there is, and what cannot be is refused", () => {
  const { PROPAGATION_BIDIRECTIONAL: both } = MountPropagation;
  const one = (mount: object) =>
    host({ mounts: [{ containerPath: "/in", hostPath: "/h", ...mount }] }).Mounts?.[0];
  expect(one({})).toEqual({
    Type: "bind",
    Source: "/h",
    Target: "/in",
    ReadOnly: false,
    BindOptions: { Propagation: "rprivate", CreateMountpoint: true },
  });
  expect(one({ propagation: both })).toMatchObject({ BindOptions: { Propagation: "rshared" } });
  expect(one({ readonly: true })).toMatchObject({ BindOptions: { ReadOnlyNonRecursive: true } });
  expect(one({ readonly: true, recursiveReadOnly: true })).toMatchObject({
    BindOptions: { ReadOnlyForceRecursive: true },
  });
  expect(() => one({ recursiveReadOnly: true })).toThrow("goes with readonly");
  expect(() => one({ readonly: true, recursiveReadOnly: true, propagation: both })).toThrow(
    "private propagation",
  );
  expect(() => one({ hostPath: "relative" })).toThrow("absolute path");
  expect(() => one({ image: { image: "busybox" } })).toThrow("of an image and of the host");
  expect(() =>
    host({ mounts: Array.from({ length: 1001 }, () => ({ containerPath: "/a", hostPath: "/b" })) }),
  ).toThrow("at most 1000");
});

test("owners of a mount are mapped by its place, users and groups together", () => {
  const uidMappings = [{ hostId: 1000, containerId: 0, length: 10 }];
  const range = [{ containerID: 0, hostID: 1000, size: 10 }];
  const mount = { containerPath: "/in/", hostPath: "/h", uidMappings };
  expect(containerExtras(input({ mounts: [{ ...mount, gidMappings: uidMappings }] })).idmaps).toEqual({
    "/in": { uids: range, gids: range },
  });
  expect(() => containerExtras(input({ mounts: [mount] }))).toThrow("only of users");
});

test("its log lies in the pod's folder, and nowhere else", () => {
  const path = (logPath: string) => containerExtras(input({ logPath })).logPath;
  expect(path("main/0.log")).toBe("/var/log/pods/web/main/0.log");
  expect(path("")).toBeUndefined();
  expect(host({})).toMatchObject({ LogConfig: { Type: "none" } });
  for (const out of ["../other/0.log", "..", "a/../../b"]) expect(() => path(out)).toThrow("leads out");
});

test("variables hold UTF-8, and have names", () => {
  const value = (bytes: Uint8Array, key = "A") => containerBody(input({ envs: [{ key, value: bytes }] })).Env;
  expect(value(new TextEncoder().encode("ö=1"))).toEqual(["A=ö=1"]);
  expect(() => value(new Uint8Array([0xff]))).toThrow("UTF-8");
  for (const key of ["", "A=B"]) expect(() => value(new Uint8Array(), key)).toThrow("no name");
});

test("a name says whose it is, also where it has strange letters or many", () => {
  expect(containerName(input({}))).toBe(`k8s_main_web_default_${pod.slice(0, 12)}_2`);
  for (const name of ["a b", "x".repeat(300), "ü"])
    expect(containerName(input({ metadata: { name } }))).toMatch(/^k8s_[0-9a-f]{32}_a{12}_0$/);
  expect(() => containerName(input({ metadata: { name: "" } }))).toThrow("no name");
});
