import { describe, expect, test } from "bun:test";
import { argumentsOf, capabilityArguments, portMappings } from "./capabilities.ts";

const pod = { namespace: "default", name: "web", uid: "u-1" };
const asked = (annotations: Record<string, string>) =>
  capabilityArguments({ request: { ...pod, annotations }, ports: [] });

test("plug-ins are told whose network it is", () => {
  expect(argumentsOf({ id: "c1", request: pod })).toBe(
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u-1",
  );
});

test.each(["a;IP=10.0.0.1", "a=b", "a b", "a\n", ""])("a pod named %p cannot add arguments", (name) => {
  expect(() => argumentsOf({ id: "c1", request: { ...pod, name } })).toThrow("cannot pass K8S_POD_NAME");
});

describe("what a pod asks for", () => {
  test("is nothing by default", () => {
    const dns = { servers: [], searches: [], options: [] };
    expect(capabilityArguments({ request: { ...pod, dns }, ports: [] })).toEqual({});
  });

  test("bandwidth comes from its annotations, in bits", () => {
    const { bandwidth } = asked({
      "kubernetes.io/ingress-bandwidth": "10M",
      "kubernetes.io/egress-bandwidth": "1Gi",
    });
    expect(bandwidth).toEqual({
      ingressRate: 10_000_000,
      ingressBurst: 524_288,
      egressRate: 2 ** 30,
      egressBurst: 10_737_419,
    });
    expect(asked({ "kubernetes.io/egress-bandwidth": "1P" })["bandwidth"]).toEqual({
      egressRate: 1e15,
      egressBurst: 2 ** 31 - 1,
    });
  });

  test.each(["10", "2P", "-1M", "10Mbit", "", "1M;rm"])("bandwidth %p is refused", (text) => {
    expect(() => asked({ "kubernetes.io/ingress-bandwidth": text })).toThrow(
      "wanted bits a second from 1k to 1P",
    );
  });

  test("addresses and a hardware address of its own", () => {
    const annotations = {
      "org.sampan.cni.ips": "10.1.0.9/16, fd00::9/64",
      "org.sampan.cni.mac": "02:42:00:00:00:01",
    };
    expect(asked(annotations)).toEqual({
      ips: ["10.1.0.9/16", "fd00::9/64"],
      mac: "02:42:00:00:00:01",
      "io.kubernetes.cri.pod-annotations": annotations,
    });
    expect(() => asked({ "org.sampan.cni.ips": "10.1.0.9/16,x" })).toThrow('"x": wanted addresses');
    expect(() => asked({ "org.sampan.cni.mac": "02:42" })).toThrow("wanted six bytes");
  });

  test("ports are those with one of the host", () => {
    const bindings = {
      "80/tcp": [{ HostPort: "8080" }, { HostIp: "127.0.0.1", HostPort: "81" }],
      "53/udp": [{ HostIp: "fd00::1", HostPort: "53" }],
      "9/sctp": [{ HostPort: "0" }, {}],
    };
    expect(portMappings(bindings)).toEqual([
      { hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostPort: 81, containerPort: 80, protocol: "tcp", hostIP: "127.0.0.1" },
      { hostPort: 53, containerPort: 53, protocol: "udp", hostIP: "fd00::1" },
    ]);
  });

  test.each([
    ["80/tcp", { HostPort: "8000-8010" }],
    ["80/tcp", { HostPort: "70000" }],
    ["80/icmp", { HostPort: "80" }],
    ["80/tcp", { HostIp: "host;x", HostPort: "80" }],
  ])("%s to %p is refused", (port, binding) => {
    expect(() => portMappings({ [port]: [binding] })).toThrow("cannot map port");
  });
});
