import { expect, test } from "bun:test";
import { PodError } from "../../../src/fleet/edge/edged/pod-error.ts";
import { sandboxRequest } from "../../../src/fleet/edge/edged/sandbox.ts";
import type { PodSpec } from "../../../src/spec/kubernetes/pod.ts";
import { container, node, pod } from "./pods.ts";

test("a plain pod has a network of its own, the cluster's names and a cgroup", () => {
  expect(sandboxRequest(pod({}, { labels: { app: "web" } }), node)).toEqual({
    namespace: "shop",
    name: "web",
    uid: "0d1e-1",
    hostname: "web",
    labels: {
      app: "web",
      "io.kubernetes.pod.name": "web",
      "io.kubernetes.pod.namespace": "shop",
      "io.kubernetes.pod.uid": "0d1e-1",
    },
    dns: {
      servers: ["169.254.96.16"],
      searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"],
      options: ["ndots:5"],
    },
    cgroupParent: "/sampan/besteffort/pod0d1e-1",
    resources: { CpuShares: 2 },
  });
});

test.each<[Partial<PodSpec>, object]>([
  [{ hostNetwork: true }, { network: "host", hostname: "edge-1" }],
  [
    { hostIPC: true, hostPID: true },
    { hostIpc: true, hostPid: true },
  ],
  [{ shareProcessNamespace: true }, { sharePid: true }],
  [{ runtimeClassName: "vm" }, { runtime: "vm" }],
  [{ hostAliases: [{ ip: "192.0.2.5", hostnames: ["a"] }] }, { hosts: [{ ip: "192.0.2.5", names: ["a"] }] }],
  [
    { securityContext: { sysctls: [{ name: "net/ipv4/tcp_syncookies", value: "1" }] } },
    { sysctls: { "net.ipv4.tcp_syncookies": "1" } },
  ],
])("%j", (spec, wanted) => {
  expect(sandboxRequest(pod(spec), node)).toMatchObject(wanted);
});

const ports = [
  { containerPort: 80, hostPort: 8080 },
  { containerPort: 80, hostPort: 8081, hostIP: "127.0.0.1" },
  { containerPort: 53, hostPort: 5353, protocol: "UDP" },
  { containerPort: 9000 },
];

test("host ports of containers and sidecars are published, those of init containers are not", () => {
  const sidecar = container({
    name: "s",
    restartPolicy: "Always",
    ports: [{ containerPort: 1, hostPort: 2 }],
  });
  const setup = container({ name: "i", ports: [{ containerPort: 3, hostPort: 4 }] });
  const spec = { containers: [container({ ports })], initContainers: [sidecar, setup] };
  expect(sandboxRequest(pod(spec), node).ports).toEqual({
    "80/tcp": [{ HostPort: "8080" }, { HostIp: "127.0.0.1", HostPort: "8081" }],
    "53/udp": [{ HostPort: "5353" }],
    "1/tcp": [{ HostPort: "2" }],
  });
  expect(sandboxRequest(pod({ ...spec, hostNetwork: true }), node).ports).toBeUndefined();
});

const sysctl = (name: string, more: Partial<PodSpec> = {}, value = "1"): Partial<PodSpec> => ({
  ...more,
  securityContext: { sysctls: [{ name, value }] },
});

test.each<[string, Partial<PodSpec>, string]>([
  ["a parameter of the whole host", sysctl("kernel.core_pattern"), "SysctlForbidden"],
  ["an unsafe one of the network", sysctl("net.core.somaxconn"), "SysctlForbidden"],
  ["a path out of the list", sysctl("net/ipv4/../../kernel/core_pattern"), "SysctlForbidden"],
  ["one of the host's network", sysctl("net.ipv4.tcp_syncookies", { hostNetwork: true }), "SysctlForbidden"],
  ["one of the host's IPC", sysctl("kernel.shm_rmid_forced", { hostIPC: true }), "SysctlForbidden"],
  ["a value of two lines", sysctl("net.ipv4.tcp_syncookies", {}, "1\n2"), "SysctlForbidden"],
  ["user ids of the pod's own", { hostUsers: false }, "UnsupportedField"],
  ["another system", { os: { name: "windows" } }, "UnsupportedField"],
  ["claims of devices", { resourceClaims: [{ name: "gpu" }] }, "UnsupportedField"],
  [
    "a device that the node has not",
    { containers: [container({ resources: { limits: { "example.com/gpu": 1 } } })] },
    "UnsupportedField",
  ],
  [
    "huge pages",
    { containers: [container({ resources: { limits: { "hugepages-2Mi": "4Mi" } } })] },
    "UnsupportedField",
  ],
])("%s is refused for good", (_, spec, reason) => {
  const refusal = () => sandboxRequest(pod(spec), node);
  expect(refusal).toThrow(PodError);
  try {
    refusal();
  } catch (error) {
    expect(error).toMatchObject({ reason, isFinal: true });
  }
});

test("a resource that the node tells of is not refused", () => {
  const status = { capacity: { "example.com/gpu": "2" } };
  const told = { ...node, node: () => ({ apiVersion: "v1", kind: "Node", metadata: {}, status }) };
  const resources = { limits: { "example.com/gpu": 1, "ephemeral-storage": "1Gi" } };
  expect(sandboxRequest(pod({ containers: [container({ resources })] }), told).name).toBe("web");
});

test("a port that is none is refused", () => {
  for (const port of [
    { containerPort: 0, hostPort: 1 },
    { containerPort: 1, hostPort: 70_000 },
    { containerPort: 1, hostPort: 1, protocol: "X" },
  ])
    expect(() => sandboxRequest(pod({ containers: [container({ ports: [port] })] }), node)).toThrow(
      "cannot publish port",
    );
});
