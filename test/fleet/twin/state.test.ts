import { expect, test } from "bun:test";
import { deviceState, type Form } from "../../../src/fleet/edge/twin/state.ts";
import type { Device } from "../../../src/fleet/edge/twin/registry.ts";

const lastOnline = Date.parse("2026-11-21T23:45:02Z");
const device = { key: { namespace: "default", name: "t1" }, facts: { state: "online", lastOnline } };

// cloudcore 1.23.0 read `lastOnlineTime` alone: told the older name it kept no time at all.
test.each<[Form, object]>([
  ["namespaced", { last_online: "2026-11-21T23:45:02Z", lastOnlineTime: "2026-11-21T23:45:02Z" }],
  ["name", { last_online: "2026-11-21 23:45:02" }],
])("a device is told with its time as clouds of the form %s read it", (form, times) => {
  expect(deviceState(device as unknown as Device, form)).toEqual({ name: "t1", state: "online", ...times });
});
