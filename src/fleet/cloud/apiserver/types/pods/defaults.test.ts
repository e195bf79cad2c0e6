import { expect, test } from "bun:test";
import { defaultPod, defaultPodSpec } from "./defaults.ts";

const spec = () => ({
  containers: [{ name: "a", image: "box:1", resources: { limits: { cpu: "1" }, requests: {} } }],
});

test("a pod asks for its limits, and is told of services", () => {
  const pod = spec();
  defaultPod(pod);
  expect(pod).toMatchObject({
    enableServiceLinks: true,
    containers: [{ resources: { limits: { cpu: "1" }, requests: { cpu: "1" } } }],
  });
});

test("a template is left as it was written there", () => {
  const template = spec();
  defaultPodSpec(template);
  expect(template).toEqual({
    containers: [{ ...spec().containers[0], imagePullPolicy: "IfNotPresent" } as never],
  });
});

test("both twice are as both once", () => {
  const once = spec();
  defaultPod(once);
  const twice = structuredClone(once);
  defaultPod(twice);
  expect(twice).toEqual(once);
});
