import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import {
  deviceTails,
  formatTopic,
  isFilter,
  isTopic,
  nodeTails,
  parseTopic,
  subscriptions,
  type Topic,
} from "./mqtt-topics.ts";

const topics: readonly (readonly [text: string, topic: Topic])[] = [
  ...deviceTails.flatMap((what) => [
    [`$hw/events/device/d1/${what}`, { is: "device", device: { name: "d1" }, what }] as const,
    [
      `$hw/events/device/default/d1/${what}`,
      { is: "device", device: { namespace: "default", name: "d1" }, what },
    ] as const,
  ]),
  ...nodeTails.map((what) => [`$hw/events/node/edge1/${what}`, { is: "node", node: "edge1", what }] as const),
  ["$hw/events/upload/foo", { is: "other", topic: "$hw/events/upload/foo" }],
  ["SYS/dis/upload_records", { is: "other", topic: "SYS/dis/upload_records" }],
  ["default/user/foo", { is: "other", topic: "default/user/foo" }],
  // Devices may be called like a part of a topic.
  ["$hw/events/device/twin/twin/get", { is: "device", device: { name: "twin" }, what: "twin/get" }],
  [
    "$hw/events/device/a/twin/updated",
    { is: "device", device: { namespace: "a", name: "twin" }, what: "updated" },
  ],
];

test.each(topics)("%s is read and written", (text, topic) => {
  expect(parseTopic(text)).toEqual(topic);
  expect(formatTopic(topic)).toBe(text);
});

test.each([
  "",
  "a/+/b",
  "a/#",
  "a\u0000b",
  "a\nb",
  "a".repeat(5000),
  "$hw/events/device/+/twin/update",
  "$hw/events/device/d1/twin",
  "$hw/events/device/twin/update",
  "$hw/events/device//twin/update",
  "$hw/events/device/a/b/c/twin/update",
  "$hw/events/device/../d1/twin/update",
  "$hw/events/node/a/b/membership/get",
  "$hw/events/node/edge1/membership",
])("%p is refused", (text) => {
  expect(() => parseTopic(text)).toThrow(SampanError);
});

test("names that would become levels or wildcards are not written", () => {
  for (const name of ["a/b", "+", "#", "", "..", "a\n"]) {
    expect(() => formatTopic({ is: "device", device: { name }, what: "twin/get" })).toThrow(SampanError);
    expect(() => formatTopic({ is: "node", node: name, what: "membership/get" })).toThrow(SampanError);
  }
  expect(() => formatTopic({ is: "other", topic: "$hw/events/device/d1/twin/get" })).toThrow(SampanError);
});

test("an edge subscribes to the form of its release", () => {
  expect(subscriptions({ deviceId: "name" })).toContain("$hw/events/device/+/twin/+");
  expect(subscriptions({ deviceId: "namespaced" })).toContain("$hw/events/device/+/+/twin/+");
  for (const filter of subscriptions({ deviceId: "name" })) expect(isFilter(filter)).toBe(true);
});

test("topics have no wildcards, filters have them alone in a level", () => {
  expect(isTopic("a/b")).toBe(true);
  expect(isTopic("a/+")).toBe(false);
  expect(isFilter("a/+/#")).toBe(true);
  for (const bad of ["", "a+", "a/#/b", "#a", "a\u0000"]) expect(isFilter(bad)).toBe(false);
});
