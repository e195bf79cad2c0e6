/** Pods and nodes for the tests of what a pod's fields mean. */
import type { Container, Pod, PodSpec } from "../../../src/spec/kubernetes/pod.ts";
import type { ContainerInput, NodeFacts } from "../../../src/fleet/edge/edged/translate.ts";

export const node: NodeFacts = {
  name: "edge-1",
  ips: ["192.0.2.7", "2001:db8::7"],
  memory: 8 * 2 ** 30,
  processors: 4,
  clusterDns: ["169.254.96.16"],
  clusterDomain: "cluster.local",
  node: () => undefined,
};

export const container = (more: Partial<Container> = {}): Container => ({
  name: "main",
  image: "app:1",
  ...more,
});

export function pod(spec: Partial<PodSpec> = {}, metadata: Pod["metadata"] = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop", uid: "0d1e-1", ...metadata },
    spec: { containers: [container()], ...spec },
  };
}

export function input(more: Partial<ContainerInput> = {}): ContainerInput {
  return {
    pod: pod(),
    container: container(),
    kind: "app",
    sandbox: "5".repeat(64),
    attempt: 0,
    image: "sha256:1",
    environment: [],
    mounts: [],
    devices: [],
    terminationMessage: "/data/message",
    node,
    ...more,
  };
}
