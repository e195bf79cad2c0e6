import { expect, test } from "bun:test";
import { isMirror, mirrorOf, staticPod } from "../../../src/fleet/edge/edged/manifests.ts";
import { statusPatch } from "../../../src/fleet/edge/edged/patch.ts";

const at = { path: "/manifests/web.yaml", node: "edge1" };
const text = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  containers:
    - { name: main, image: nginx }
`;

test("a manifest is a pod of this node, and another one when it changes", () => {
  const pod = staticPod(text, at);
  expect(pod).toMatchObject({
    metadata: {
      name: "web-edge1",
      namespace: "default",
      labels: { app: "web" },
      annotations: { "kubernetes.io/config.source": "file" },
    },
    spec: { nodeName: "edge1" },
  });
  expect(pod.metadata.uid).toMatch(/^[0-9a-f]{32}$/);
  expect(staticPod(text, at).metadata.uid).toBe(pod.metadata.uid ?? "");
  expect(staticPod(text.replace("nginx", "nginx:2"), at).metadata.uid).not.toBe(pod.metadata.uid);
});

test("its mirror says whose it is, and has no UID before the cloud gives it one", () => {
  const pod = staticPod(text, at);
  const mirror = mirrorOf(pod);
  expect(isMirror(pod)).toBe(false);
  expect(isMirror(mirror)).toBe(true);
  expect(mirror.metadata.uid).toBeUndefined();
  expect(mirror.metadata.annotations?.["kubernetes.io/config.mirror"]).toBe(pod.metadata.uid ?? "");
});

test.each([
  ["kind: [", ""],
  ["kind: Deployment\napiVersion: apps/v1", "no Pod"],
  ["null", "no Pod"],
  [text.replace("name: web,", "name: ../web,"), "name or namespace"],
  [text.replace("name: main,", ""), "lacks its name"],
  ["apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}", "no containers"],
])("%p is refused", (bad, why) => {
  expect(() => staticPod(bad, at)).toThrow(why);
});

test("a patch takes away what is no more", () => {
  const pod = staticPod(text, at);
  const before = {
    phase: "Pending",
    reason: "x",
    podIP: "10.0.0.1",
    podIPs: [{ ip: "10.0.0.1" }],
    conditions: [],
  };
  const now = {
    phase: "Running",
    podIP: "10.0.0.2",
    podIPs: [{ ip: "10.0.0.2" }],
    conditions: [{ type: "Ready", status: "True" }],
  };
  expect(statusPatch(pod, now, before)).toEqual({
    metadata: { uid: pod.metadata.uid },
    status: {
      ...now,
      reason: null,
      conditions: [{ type: "Ready", status: "True", reason: null, message: null }],
      podIPs: [{ ip: "10.0.0.2" }, { ip: "10.0.0.1", $patch: "delete" }],
    },
  });
});

test("a patch takes away the containers of one that was refused", () => {
  const waiting = {
    name: "main",
    state: {},
    lastState: {},
    ready: false,
    restartCount: 0,
    image: "",
    imageID: "",
  };
  const before = {
    phase: "Pending",
    conditions: [],
    containerStatuses: [waiting],
    initContainerStatuses: [waiting],
  };
  const now = { phase: "Failed", reason: "OutOfcpu", conditions: [] };
  expect(statusPatch(staticPod(text, at), now, before)["status"]).toMatchObject({
    containerStatuses: null,
    initContainerStatuses: null,
  });
});
