import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import {
  deviceIdFor,
  formatDeviceId,
  formatDeviceResource,
  parseDeviceId,
  parseDeviceResource,
} from "./device-id.ts";
import { parseVersion, traitsOf } from "./versions.ts";

test("both forms of an id are read and written", () => {
  expect(parseDeviceId("d1")).toEqual({ name: "d1" });
  expect(parseDeviceId("default/d1")).toEqual({ namespace: "default", name: "d1" });
  expect(formatDeviceId({ namespace: "default", name: "d1" })).toBe("default/d1");
  for (const bad of [
    "",
    "/",
    "a/",
    "/b",
    "a/b/c",
    "+",
    "#",
    "a/+",
    "..",
    "a/..",
    "a\n",
    "A/b",
    "$x",
    "a".repeat(600),
  ])
    expect(() => parseDeviceId(bad)).toThrow(SampanError);
  expect(() => formatDeviceId({ name: "a/b" })).toThrow(SampanError);
});

test("a peer is told the id in its own form", () => {
  const device = { namespace: "default", name: "d1" };
  expect(deviceIdFor(device, traitsOf(parseVersion("1.15.4")))).toBe("d1");
  expect(deviceIdFor(device, traitsOf(parseVersion("1.17.5")))).toBe("default/d1");
});

test("resources of devices are read and written", () => {
  for (const resource of [
    "device/d1/twin/edge_updated",
    "device/default/d1/twin/cloud_updated",
    "device/default/d1/state/update",
  ])
    expect(formatDeviceResource(parseDeviceResource(resource))).toBe(resource);
  for (const bad of [
    "device/twin/edge_updated",
    "device//twin/edge_updated",
    "device/a/b/c/state/update",
    "pod/d1/state/update",
    "device/d1/twin/update",
  ])
    expect(() => parseDeviceResource(bad)).toThrow(SampanError);
});
